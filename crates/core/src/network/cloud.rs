//! The cloud, attached to a network.

use super::graph::{Link, Network, NetworkError, VertexId, VertexKind};
use crate::model::{BitRate, Seconds};

impl Network {
    /// The same network with a vertex `cloud`, behind an uplink and a downlink of this rate at each of these places,
    /// so far away.
    ///
    /// # Errors
    /// When a name is taken, or a figure is one that no network can have.
    pub fn with_cloud(
        self,
        places: &[VertexId],
        rate: BitRate,
        one_way: Seconds,
    ) -> Result<(Self, VertexId), NetworkError> {
        let wan = |kind: &str| {
            VertexKind::Link(Link {
                rate,
                kind: kind.to_owned(),
            })
        };
        let mut builder = self.into_builder();
        let cloud = builder.add("cloud", VertexKind::Switch)?;
        for (index, &place) in places.iter().enumerate() {
            let up = builder.add(format!("cloud_up_{index}"), wan("uplink"))?;
            let down = builder.add(format!("cloud_down_{index}"), wan("downlink"))?;
            builder.connect(place, up, one_way)?;
            builder.connect(up, cloud, Seconds::ZERO)?;
            builder.connect(cloud, down, one_way)?;
            builder.connect(down, place, Seconds::ZERO)?;
        }
        Ok((builder.build()?, cloud))
    }

    /// The places that lead to the cloud: those of these names, or, where none are named, the switches whose names
    /// begin with `internet`.
    ///
    /// # Errors
    /// The name of a place that is not there.
    pub fn uplinks(&self, named: &[String]) -> Result<Vec<VertexId>, String> {
        if !named.is_empty() {
            let find = |name: &String| self.find(name).ok_or_else(|| name.clone());
            return named.iter().map(find).collect();
        }
        let exchanges =
            self.vertices().iter().enumerate().filter(|(_, vertex)| {
                vertex.name.starts_with("internet") && vertex.kind == VertexKind::Switch
            });
        let places: Vec<VertexId> = exchanges.map(|(index, _)| VertexId(index as u32)).collect();
        if places.is_empty() {
            return Err("internet…".to_owned());
        }
        Ok(places)
    }
}
