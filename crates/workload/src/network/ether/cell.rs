use fogline_core::model::{BitRate, Device, Seconds};

use super::law::LatencyLaw;

/// A piece of a network, which becomes nodes, links, switches and edges when it is placed.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A machine with a network card of 1000 Mb/s (`link_<node>`); between the two, the latency of a LAN.
    Host(Device),
    /// Machines or cells around a switch.
    Lan {
        /// What its switch and up- and downlink are called: `lan`, `cloudlet`.
        label: &'static str,
        /// What hangs on the switch.
        children: Vec<Self>,
        /// How the switch reaches the world.
        backhaul: Backhaul,
    },
    /// Machines or cells that contend for one medium, as a radio cell.
    Shared {
        /// Capacity of the medium.
        rate: BitRate,
        /// What uses it.
        children: Vec<Self>,
        /// How the medium reaches the world.
        backhaul: Backhaul,
    },
}

/// How a cell reaches what it is placed on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Backhaul {
    /// A cable, with the latency of a LAN and no capacity of its own.
    Cable,
    /// A link up and a link down.
    UpDown(UpDown),
}

/// A pair of links, one in each direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UpDown {
    /// Capacity towards the cell.
    pub down: BitRate,
    /// Capacity from the cell.
    pub up: BitRate,
    /// Latency of either direction; none where it does not count.
    pub latency: Option<LatencyLaw>,
}

impl UpDown {
    const fn mbps(down: u32, up: u32, latency: Option<LatencyLaw>) -> Self {
        // 1 Mb/s is 10^6 bit/s; `BitRate::from_mbps` is not const.
        Self {
            down: BitRate(down as f64 * 1e6),
            up: BitRate(up as f64 * 1e6),
            latency,
        }
    }

    /// Mobile access: 125 Mb/s down, 25 Mb/s up (ether's `MobileConnection`).
    pub const MOBILE: Self = Self::mbps(125, 25, Some(LatencyLaw::MOBILE_ISP));
    /// The access line of a business: 500 Mb/s down, 50 Mb/s up (`BusinessIsp`).
    pub const BUSINESS_ISP: Self = Self::mbps(500, 50, Some(LatencyLaw::BUSINESS_ISP));
    /// Fibre to the exchange: 1000 Mb/s either way (`FiberToExchange`).
    pub const FIBER_TO_EXCHANGE: Self = Self::mbps(1000, 1000, Some(LatencyLaw::LAN));
    /// Inside a building: 10,000 Mb/s either way, at no latency (the cloudlet of industrial `IoT`).
    pub const ON_PREMISES: Self = Self::mbps(10_000, 10_000, None);
}

impl Cell {
    /// Small computers on a switch (`IoTComputeBox`).
    #[must_use]
    pub fn compute_box(devices: impl IntoIterator<Item = Device>, backhaul: Backhaul) -> Self {
        Self::Lan {
            label: "lan",
            children: devices.into_iter().map(Self::Host).collect(),
            backhaul,
        }
    }

    /// Racks of servers on a switch (`Cloudlet`); each rack is a LAN of its own.
    #[must_use]
    pub fn cloudlet(servers_per_rack: u32, racks: u32, backhaul: Backhaul) -> Self {
        let rack = || Self::compute_box((0..servers_per_rack).map(|_| Device::SERVER), Backhaul::Cable);
        Self::Lan {
            label: "cloudlet",
            children: (0..racks).map(|_| rack()).collect(),
            backhaul,
        }
    }

    /// How many nodes it becomes.
    #[must_use]
    pub fn node_count(&self) -> u64 {
        match self {
            Self::Host(_) => 1,
            Self::Lan { children, .. } | Self::Shared { children, .. } => {
                children.iter().map(Self::node_count).sum()
            }
        }
    }
}

/// A law of how many things stand in a neighbourhood: the integer part of a shifted lognormal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DensityLaw {
    /// Standard deviation of the logarithm.
    pub shape: f64,
    /// The least that it can be.
    pub shift: f64,
    /// Median of what comes on top.
    pub scale: f64,
}

impl DensityLaw {
    /// Boxes per neighbourhood in urban sensing (ether's scenario): 2 in 49 of 100 cases, 3 in 31, 4 in 11, …
    pub const URBAN: Self = Self {
        shape: 0.82,
        shift: 2.02,
        scale: 1.0,
    };

    /// A random density, at most 10,000 (which no draw of [`Self::URBAN`] reaches).
    pub fn sample(&self, stream: &mut crate::random::Stream) -> u32 {
        let density = self.shift + self.scale * libm::exp(self.shape * stream.normal());
        // The cast drops the fraction.
        density.min(1e4) as u32
    }
}

/// A latency of an edge: a law's, a constant, or none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Latency {
    None,
    Constant(Seconds),
    Law(LatencyLaw),
}

impl From<Option<LatencyLaw>> for Latency {
    fn from(law: Option<LatencyLaw>) -> Self {
        law.map_or(Self::None, Self::Law)
    }
}
