use std::collections::HashMap;

use fogline_core::model::{BitRate, Device, Seconds};
use fogline_core::network::{Link, Network, NetworkBuilder, NetworkError, VertexId, VertexKind};

use super::cell::{Backhaul, Cell, Latency, UpDown};
use super::law::LatencyLaw;
use super::{Draw, purpose};
use crate::network::role;

/// Capacity of a host's network card (ether's `Host`).
const CARD: BitRate = BitRate(1e9);

/// A network under construction.
pub(super) struct Site {
    builder: NetworkBuilder,
    draw: Draw,
    counters: HashMap<&'static str, u32>,
    connections: u64,
}

/// A vertex that appears in the network when its first edge does; this decides the order of all vertices.
#[derive(Clone)]
pub(super) struct Place {
    name: String,
    kind: VertexKind,
}

impl Place {
    /// A switch, or anything transparent.
    pub(super) fn switch(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind: VertexKind::Switch,
        }
    }

    fn link(name: String, rate: BitRate, kind: &str) -> Self {
        Self {
            name,
            kind: VertexKind::Link(Link {
                rate,
                kind: kind.to_owned(),
            }),
        }
    }
}

impl Site {
    pub(super) fn new(draw: Draw) -> Self {
        Self {
            builder: NetworkBuilder::new(),
            draw,
            counters: HashMap::new(),
            connections: 0,
        }
    }

    pub(super) fn build(self) -> Result<Network, NetworkError> {
        self.builder.build()
    }

    /// Places a cell; gives its switch or medium.
    pub(super) fn place(&mut self, cell: &Cell, on: &Place) -> Result<Place, NetworkError> {
        match cell {
            Cell::Host(device) => self.host(*device, on),
            Cell::Lan {
                label,
                children,
                backhaul,
            } => {
                // Numbered before its children are: an outer switch comes before the inner ones.
                let number = self.count(label);
                let switch = Place::switch(format!("switch_{label}_{number}"));
                for child in children {
                    self.place(child, &switch)?;
                }
                self.attach(&switch, *backhaul, &format!("{label}_{number}"), on)?;
                Ok(switch)
            }
            Cell::Shared {
                rate,
                children,
                backhaul,
            } => {
                let number = self.count("shared");
                let medium = Place::link(format!("link_{number}"), *rate, "shared");
                for child in children {
                    self.place(child, &medium)?;
                }
                self.attach(&medium, *backhaul, &format!("shared_{number}"), on)?;
                Ok(medium)
            }
        }
    }

    /// Connects two places in both directions.
    pub(super) fn connect(&mut self, a: &Place, b: &Place, latency: Latency) -> Result<(), NetworkError> {
        let (a, b) = (self.vertex(a)?, self.vertex(b)?);
        self.both(a, b, latency)
    }

    fn host(&mut self, device: Device, on: &Place) -> Result<Place, NetworkError> {
        let number = self.count(device.name);
        let name = format!("{}_{number}", device.name);
        let card = Place::link(format!("link_{name}"), CARD, "node");
        let host = Place {
            name,
            kind: VertexKind::Node(role::node(device)),
        };
        self.connect(&host, &card, Latency::Law(LatencyLaw::LAN))?;
        self.connect(&card, on, Latency::None)?;
        Ok(host)
    }

    fn attach(
        &mut self,
        cell: &Place,
        backhaul: Backhaul,
        label: &str,
        on: &Place,
    ) -> Result<(), NetworkError> {
        let UpDown { down, up, latency } = match backhaul {
            Backhaul::Cable => return self.connect(cell, on, Latency::Law(LatencyLaw::LAN)),
            Backhaul::UpDown(pair) => pair,
        };
        let cell = self.vertex(cell)?;
        let up = self.vertex(&Place::link(format!("up_{label}"), up, "uplink"))?;
        let down = self.vertex(&Place::link(format!("down_{label}"), down, "downlink"))?;
        let on = self.vertex(on)?;
        let latency = Latency::from(latency);
        self.one_way(cell, up, latency)?;
        self.one_way(up, on, Latency::None)?;
        self.one_way(on, down, latency)?;
        self.one_way(down, cell, Latency::None)
    }

    /// The next number of a series.
    fn count(&mut self, series: &'static str) -> u32 {
        let next = self.counters.entry(series).or_default();
        *next += 1;
        *next - 1
    }

    fn vertex(&mut self, place: &Place) -> Result<VertexId, NetworkError> {
        match self.builder.find(&place.name) {
            Some(id) => Ok(id),
            None => self.builder.add(place.name.as_str(), place.kind.clone()),
        }
    }

    /// A cable takes equally long in both directions.
    fn both(&mut self, a: VertexId, b: VertexId, latency: Latency) -> Result<(), NetworkError> {
        let latency = self.latency(latency);
        self.builder.connect(a, b, latency)?;
        self.builder.connect(b, a, latency)
    }

    fn one_way(&mut self, from: VertexId, to: VertexId, latency: Latency) -> Result<(), NetworkError> {
        let latency = self.latency(latency);
        self.builder.connect(from, to, latency)
    }

    fn latency(&mut self, latency: Latency) -> Seconds {
        let connection = self.connections;
        self.connections += 1;
        match latency {
            Latency::None => Seconds::ZERO,
            Latency::Constant(time) => time,
            Latency::Law(law) => match self.draw.stream(connection, purpose::LATENCY) {
                Some(mut stream) => law.sample(&mut stream),
                None => law.mode(),
            },
        }
    }
}
