use std::fmt;

use fogline_core::model::{BitRate, Device, Seconds};
use fogline_core::network::{Network, NetworkError};

use super::cell::{Backhaul, Cell, DensityLaw, Latency, UpDown};
use super::site::{Place, Site};
use super::{Draw, purpose};

/// The most nodes that a network may be generated with; a mistyped figure shall not fill the memory.
pub const MAX_NODES: u64 = 10_000_000;

/// The exchange on which most of a scenario hangs; ether's examples name exchanges after airports.
const CHICAGO: &str = "internet_chix";
/// The other exchange of the industrial `IoT` example.
const NEW_YORK: &str = "internet_nyc";

/// A kind of network to generate.
#[derive(Clone, Debug, PartialEq)]
pub enum Scenario {
    /// Factories with a server room each.
    IndustrialIot(IndustrialIot),
    /// Neighbourhoods full of sensors, and a city-wide cloudlet.
    UrbanSensing(UrbanSensing),
    /// Data centres, far apart.
    CloudRegions(CloudRegions),
}

/// Premises with a computing box (NUC, Jetson TX2), three Raspberry Pi 3 on a shared medium of 300 Mb/s, and
/// three racks of five servers; 20 nodes each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndustrialIot {
    /// How many. A quarter of them (rounded down) is connected in New York, the rest in Chicago; the two
    /// exchanges are 10 ms apart.
    pub premises: u32,
}

/// Neighbourhoods of `n` boxes of two Raspberry Pi 3 and a box with a NUC and `2n` Jetson TX2, on a shared
/// medium of 500 Mb/s behind a mobile connection; and two racks of five servers behind fibre.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrbanSensing {
    /// Boxes in each neighbourhood.
    pub densities: Densities,
}

/// How densely neighbourhoods are built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Densities {
    /// So many neighbourhoods. A random network draws their densities from [`DensityLaw::URBAN`]; the
    /// published one has 6, 3, 4, 8, 6, over and over if it is larger.
    Law {
        /// Neighbourhoods.
        cells: u32,
    },
    /// These densities, in every draw.
    Given(Vec<u32>),
}

/// Data centres around a common exchange, each with mobile clients.
#[derive(Clone, Debug, PartialEq)]
pub struct CloudRegions {
    /// How many.
    pub regions: u32,
    /// Racks in each.
    pub racks: u32,
    /// Servers in each rack.
    pub servers_per_rack: u32,
    /// Raspberry Pi 3 in each, on a shared medium of 500 Mb/s behind a mobile connection. ether's own scenario
    /// has none, and so nobody who would call a function.
    pub clients: u32,
    /// Time from one region to another.
    pub apart: Seconds,
}

impl Default for IndustrialIot {
    /// ether's example: three premises in Chicago and one in New York.
    fn default() -> Self {
        Self { premises: 4 }
    }
}

impl UrbanSensing {
    /// Boxes in the neighbourhoods of the published network: one draw of the law (with numpy's seed 0), and an
    /// unusually dense one.
    pub const PUBLISHED: [u32; 5] = [6, 3, 4, 8, 6];
}

impl Default for UrbanSensing {
    /// ether's example: five neighbourhoods.
    fn default() -> Self {
        Self {
            densities: Densities::Law {
                cells: Self::PUBLISHED.len() as u32,
            },
        }
    }
}

impl Default for CloudRegions {
    /// Three regions of ten servers. 162 ms is the median over the pairs of AWS regions that ether takes from
    /// cloudping.
    fn default() -> Self {
        Self {
            regions: 3,
            racks: 2,
            servers_per_rack: 5,
            clients: 3,
            apart: Seconds(0.162),
        }
    }
}

impl Scenario {
    /// Generates a network.
    ///
    /// # Errors
    /// When it would have no node, or more than [`MAX_NODES`].
    pub fn generate(&self, draw: Draw) -> Result<Network, NetworkError> {
        self.check_size()?;
        let mut site = Site::new(draw);
        match self {
            Self::IndustrialIot(scenario) => scenario.place(&mut site)?,
            Self::UrbanSensing(scenario) => scenario.place(&mut site, draw)?,
            Self::CloudRegions(scenario) => scenario.place(&mut site)?,
        }
        site.build()
    }

    fn check_size(&self) -> Result<(), NetworkError> {
        let size = match self {
            Self::IndustrialIot(scenario) => 20 * u64::from(scenario.premises),
            Self::UrbanSensing(scenario) => match &scenario.densities {
                Densities::Law { cells } => 20 * u64::from(*cells),
                Densities::Given(given) => given.iter().map(|&density| 4 * u64::from(density) + 1).sum(),
            },
            Self::CloudRegions(scenario) => {
                let servers = u64::from(scenario.racks) * (u64::from(scenario.servers_per_rack) + 1);
                u64::from(scenario.regions)
                    .saturating_mul(servers.saturating_add(u64::from(scenario.clients) + 1))
            }
        };
        if size <= MAX_NODES {
            return Ok(());
        }
        Err(NetworkError::BadFigure {
            name: self.to_string(),
            what: "the size",
            value: size as f64,
            expected: "at most ten million nodes",
        })
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::IndustrialIot(_) => "industrial-iot",
            Self::UrbanSensing(_) => "urban-sensing",
            Self::CloudRegions(_) => "cloud-regions",
        })
    }
}

impl IndustrialIot {
    fn place(self, site: &mut Site) -> Result<(), NetworkError> {
        let in_new_york = self.premises / 4;
        let (chicago, new_york) = (Place::switch(CHICAGO), Place::switch(NEW_YORK));
        let premises = Cell::Lan {
            label: "lan",
            children: vec![
                Cell::compute_box([Device::NUC, Device::TX2], Backhaul::Cable),
                Cell::Shared {
                    rate: BitRate(300e6),
                    children: vec![Cell::Host(Device::RPI3); 3],
                    backhaul: Backhaul::Cable,
                },
            ],
            backhaul: Backhaul::UpDown(UpDown::BUSINESS_ISP),
        };
        let server_room = Cell::cloudlet(5, 3, Backhaul::UpDown(UpDown::ON_PREMISES));
        for index in 0..self.premises {
            let exchange = if index < self.premises - in_new_york {
                &chicago
            } else {
                &new_york
            };
            let switch = site.place(&premises, exchange)?;
            site.place(&server_room, &switch)?;
        }
        if in_new_york > 0 {
            site.connect(&chicago, &new_york, Latency::Constant(Seconds(0.010)))?;
        }
        Ok(())
    }
}

impl UrbanSensing {
    fn place(&self, site: &mut Site, draw: Draw) -> Result<(), NetworkError> {
        let exchange = Place::switch(CHICAGO);
        for density in self.drawn(draw) {
            site.place(&Self::neighbourhood(density), &exchange)?;
        }
        let cloudlet = Cell::cloudlet(5, 2, Backhaul::UpDown(UpDown::FIBER_TO_EXCHANGE));
        site.place(&cloudlet, &exchange)?;
        Ok(())
    }

    fn drawn(&self, draw: Draw) -> Vec<u32> {
        let cells = match &self.densities {
            Densities::Given(given) => return given.clone(),
            Densities::Law { cells } => *cells,
        };
        (0..cells)
            .zip(Self::PUBLISHED.iter().cycle())
            .map(
                |(cell, &published)| match draw.stream(cell.into(), purpose::DENSITY) {
                    Some(mut stream) => DensityLaw::URBAN.sample(&mut stream),
                    None => published,
                },
            )
            .collect()
    }

    fn neighbourhood(density: u32) -> Cell {
        let sensors = Cell::compute_box([Device::RPI3; 2], Backhaul::Cable);
        let cameras = (0..density).flat_map(|_| [Device::TX2; 2]);
        let aggregation = Cell::compute_box([Device::NUC].into_iter().chain(cameras), Backhaul::Cable);
        let mut children = vec![sensors; density as usize];
        children.push(aggregation);
        Cell::Shared {
            rate: BitRate(500e6),
            children,
            backhaul: Backhaul::UpDown(UpDown::MOBILE),
        }
    }
}

impl CloudRegions {
    fn place(&self, site: &mut Site) -> Result<(), NetworkError> {
        let exchange = Place::switch("internet");
        let data_centre = Cell::cloudlet(self.servers_per_rack, self.racks, Backhaul::Cable);
        let clients = Cell::Shared {
            rate: BitRate(500e6),
            children: vec![Cell::Host(Device::RPI3); self.clients as usize],
            backhaul: Backhaul::UpDown(UpDown::MOBILE),
        };
        // A star keeps the number of edges linear in the number of regions.
        let half = Latency::Constant(self.apart * 0.5);
        for index in 0..self.regions {
            let region = Place::switch(format!("region_{index}"));
            site.place(&data_centre, &region)?;
            if self.clients > 0 {
                site.place(&clients, &region)?;
            }
            site.connect(&region, &exchange, half)?;
        }
        Ok(())
    }
}
