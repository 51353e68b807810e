//! `fogline network`: generate, convert and describe networks.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand, ValueEnum};
use fogline_core::model::{BadInput, Seconds};
use fogline_core::network::Network;
use fogline_workload::network::ether::{
    CloudRegions, Densities, Draw, IndustrialIot, Scenario, UrbanSensing,
};
use fogline_workload::network::native::{self, Notation};
use fogline_workload::network::{self, Description, Quantiles, statesim};

use crate::failure::Failure;
use crate::{atomic_file, output};

/// Generate, convert and describe networks.
#[derive(Parser)]
pub(crate) struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// Make a network of one of ether's kinds.
    Generate(Generate),
    /// Read a network and write it in another format.
    Convert(Convert),
    /// Say what a network is made of.
    Describe(Describe),
}

#[derive(Parser)]
struct Generate {
    #[command(subcommand)]
    kind: Kind,
    /// Where to write it: a file, or the prefix of StateSim's three files. Without it, to standard output.
    #[arg(long, global = true, value_name = "PATH")]
    out: Option<PathBuf>,
    /// The format, where the end of the path does not tell it; TOML to standard output.
    #[arg(long, global = true, value_enum)]
    format: Option<Format>,
    /// Draw latencies (and densities) at random. Without it, all are the published or most likely ones.
    #[arg(long, global = true, value_name = "N")]
    seed: Option<u64>,
    /// Which of the networks of the seed.
    #[arg(long, global = true, value_name = "N", default_value_t = 1, requires = "seed")]
    draw: u32,
}

#[derive(Subcommand)]
enum Kind {
    /// Factories: a computing box, three sensors and a server room each.
    #[command(visible_alias = "iiot")]
    IndustrialIot {
        /// How many; a quarter of them is connected to another exchange.
        #[arg(long, value_name = "N", default_value_t = IndustrialIot::default().premises)]
        premises: u32,
    },
    /// Neighbourhoods full of sensors, and a cloudlet for the city.
    UrbanSensing {
        /// How many neighbourhoods.
        #[arg(long, value_name = "N", default_value_t = UrbanSensing::PUBLISHED.len() as u32)]
        cells: u32,
        /// Boxes in each neighbourhood, as 6,3,4,8,6, instead of the law's.
        #[arg(long, value_name = "LIST", value_delimiter = ',', conflicts_with = "cells")]
        densities: Option<Vec<u32>>,
    },
    /// Data centres, far apart, with mobile clients.
    CloudRegions {
        /// How many.
        #[arg(long, value_name = "N", default_value_t = CloudRegions::default().regions)]
        regions: u32,
        /// Racks in each.
        #[arg(long, value_name = "N", default_value_t = CloudRegions::default().racks)]
        racks: u32,
        /// Servers in each rack.
        #[arg(long, value_name = "N", default_value_t = CloudRegions::default().servers_per_rack)]
        servers_per_rack: u32,
        /// Clients in each region.
        #[arg(long, value_name = "N", default_value_t = CloudRegions::default().clients)]
        clients: u32,
        /// Milliseconds from one region to another.
        #[arg(long, value_name = "MS", default_value_t = CloudRegions::default().apart.as_millis())]
        apart_ms: f64,
    },
}

#[derive(Parser)]
struct Convert {
    /// The network: .toml, .json, .graphml, or the prefix of StateSim's three files.
    input: PathBuf,
    /// Where to write it: .toml, .json, or the prefix of StateSim's three files.
    output: PathBuf,
    /// The format, where the end of OUTPUT does not tell it.
    #[arg(long, value_enum)]
    format: Option<Format>,
}

#[derive(Parser)]
struct Describe {
    /// The network: .toml, .json, .graphml, or the prefix of StateSim's three files.
    file: PathBuf,
    /// How to print it.
    #[arg(short, long, value_enum, default_value_t)]
    output: output::Format,
}

/// A format that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Fogline's own, for people.
    Toml,
    /// Fogline's own, for programs and large networks.
    Json,
    /// StateSim's .nodes, .links and .edges, which hold no latencies.
    Statesim,
}

/// Does it.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.act {
        Act::Generate(args) => generate(args),
        Act::Convert(args) => convert(&args),
        Act::Describe(args) => describe(&args),
    }
}

fn generate(args: Generate) -> Result<(), Failure> {
    let format = match (args.format, &args.out) {
        (Some(format), _) => format,
        (None, Some(out)) => format_of(out)?,
        (None, None) => Format::Toml,
    };
    let draw = match args.seed {
        Some(seed) => Draw::new(seed, args.draw),
        None => Draw::Published,
    };
    let scenario = scenario(args.kind);
    let network = scenario
        .generate(draw)
        .map_err(|error| Failure::usage(error.to_string(), "change the figures of the scenario"))?;
    write(&network, format, args.out.as_deref())
}

fn scenario(kind: Kind) -> Scenario {
    match kind {
        Kind::IndustrialIot { premises } => Scenario::IndustrialIot(IndustrialIot { premises }),
        Kind::UrbanSensing { cells, densities } => Scenario::UrbanSensing(UrbanSensing {
            densities: densities.map_or(Densities::Law { cells }, Densities::Given),
        }),
        Kind::CloudRegions {
            regions,
            racks,
            servers_per_rack,
            clients,
            apart_ms,
        } => Scenario::CloudRegions(CloudRegions {
            regions,
            racks,
            servers_per_rack,
            clients,
            apart: Seconds::from_millis(apart_ms),
        }),
    }
}

fn convert(args: &Convert) -> Result<(), Failure> {
    let format = match args.format {
        Some(format) => format,
        None => format_of(&args.output)?,
    };
    write(&network::read(&args.input)?, format, Some(&args.output))
}

/// The format that the end of a path tells.
fn format_of(path: &Path) -> Result<Format, Failure> {
    match network::Format::of(path) {
        Some(network::Format::Toml) => Ok(Format::Toml),
        Some(network::Format::Json) => Ok(Format::Json),
        Some(network::Format::Statesim) => Ok(Format::Statesim),
        Some(network::Format::Graphml) => Err(Failure::usage(
            format!("{}: GraphML is only read", path.display()),
            "write .toml or .json, or say --format statesim",
        )),
        None => Err(Failure::usage(
            format!("{}: the format cannot be told from this name", path.display()),
            "name it .toml or .json, or say --format toml, json or statesim",
        )),
    }
}

fn write(network: &Network, format: Format, out: Option<&Path>) -> Result<(), Failure> {
    let unwritable = |error: network::Unwritable| {
        BadInput::whole(
            out.map_or("standard output".to_owned(), |out| out.display().to_string()),
            error.to_string(),
            "change it, or choose the format json, which holds everything",
        )
    };
    let notation = match format {
        Format::Toml => Notation::Toml,
        Format::Json => Notation::Json,
        Format::Statesim => {
            let Some(out) = out else {
                return Err(Failure::usage(
                    "StateSim's format is three files",
                    "say where they go: --out PREFIX writes PREFIX.nodes, PREFIX.links and PREFIX.edges",
                ));
            };
            let files = statesim::write(network).map_err(unwritable)?;
            let [nodes, links, edges] = network::statesim_paths(out);
            atomic_file::write_all(&[
                (&nodes, files.nodes.as_bytes()),
                (&links, files.links.as_bytes()),
                (&edges, files.edges.as_bytes()),
            ])?;
            let lost = statesim::lost(network);
            if !lost.is_empty() {
                output::note(&format!(
                    "note: StateSim's format has no place for {}; they are not kept",
                    lost.join(" and ")
                ));
            }
            return Ok(());
        }
    };
    let text = native::write(network, notation).map_err(unwritable)?;
    match out {
        Some(out) => atomic_file::write(out, text.as_bytes()),
        None => output::data(&text),
    }
}

fn describe(args: &Describe) -> Result<(), Failure> {
    let description = Description::of(&network::read(&args.file)?);
    match args.output {
        output::Format::Text => output::data(&text(&description)),
        output::Format::Json => output::json(&description),
    }
}

fn text(description: &Description) -> String {
    let mut text = String::new();
    let nodes = format!("{} workers, {} clients", description.workers, description.clients);
    let _ = writeln!(text, "{:<20} {:>8}   {nodes}", "nodes", description.nodes);
    for (model, count) in &description.models {
        let _ = writeln!(text, "  {model:<18} {count:>8}");
    }
    let heading = ["least", "10 %", "median", "90 %", "most"].map(|word| format!("{word:>9}"));
    let heading = heading.concat();
    let _ = writeln!(text, "{:<20} {:>8}{heading}  Mb/s", "links", description.links);
    for (kind, rates) in &description.rates_mbps {
        let _ = writeln!(text, "  {kind:<18} {}", row(rates));
    }
    let _ = writeln!(text, "{:<20} {:>8}", "switches", description.switches);
    let _ = writeln!(text, "{:<20} {:>8}{heading}  ms", "edges", description.edges);
    if let Some(latencies) = &description.latencies_ms {
        let _ = writeln!(text, "  {:<18} {}", "with latency", row(latencies));
    }
    for warning in &description.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    text
}

fn row(quantiles: &Quantiles) -> String {
    let Quantiles {
        count,
        min,
        p10,
        median,
        p90,
        max,
    } = quantiles;
    let values = [min, p10, median, p90, max].map(|value| format!("{value:>9.2}"));
    format!("{count:>8}{}", values.concat())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn fogline(line: &[&str]) -> Result<(), Failure> {
        let words = std::iter::once("network").chain(line.iter().copied());
        run(Args::try_parse_from(words).unwrap())
    }

    #[test]
    fn a_seed_changes_no_byte_of_statesims_files_of_factories() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (plain, seeded) = (path("plain.0"), path("deep/seeded.0"));
        let common = ["generate", "iiot", "--format", "statesim", "--out"];
        fogline(&[&common[..], &[&plain]].concat()).unwrap();
        fogline(&[&common[..], &[&seeded, "--seed", "9"]].concat()).unwrap();
        for end in [".nodes", ".links", ".edges"] {
            let read = |prefix: &str| fs::read(format!("{prefix}{end}")).unwrap();
            assert!(!read(&plain).is_empty());
            assert_eq!(read(&plain), read(&seeded), "{end}");
        }
    }

    #[test]
    fn conversion_to_and_fro_keeps_every_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (first, middle, last) = (path("a.json"), path("b.toml"), path("c.json"));
        fogline(&["generate", "urban-sensing", "--seed", "3", "--out", &first]).unwrap();
        fogline(&["convert", &first, &middle]).unwrap();
        fogline(&["convert", &middle, &last]).unwrap();
        assert_eq!(fs::read(first).unwrap(), fs::read(last).unwrap());
    }

    #[test]
    fn what_cannot_be_done_ends_with_exit_code_2_and_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let bad = path("bad.json");
        fs::write(&bad, "{").unwrap();
        let (graphml, unnamed, fine) = (path("x.graphml"), path("x"), path("x.toml"));
        for line in [
            &["generate", "iiot", "--format", "statesim"][..],
            &["generate", "iiot", "--out", &graphml],
            &["generate", "iiot", "--out", &unnamed],
            &["generate", "iiot", "--premises", "0", "--out", &fine],
            &["generate", "iiot", "--premises", "4000000000", "--out", &fine],
            &["generate", "cloud-regions", "--apart-ms=-1", "--out", &fine],
            &["convert", &bad, &fine],
            &["describe", &unnamed],
        ] {
            let failure = fogline(line).unwrap_err();
            assert!(matches!(failure, Failure::Input(_)), "{line:?}: {failure}");
            assert!(failure.to_string().contains("hint: "), "{failure}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn options_that_contradict_each_other_are_refused() {
        for line in [
            &[
                "network",
                "generate",
                "urban-sensing",
                "--cells",
                "3",
                "--densities",
                "1",
            ][..],
            &["network", "generate", "iiot", "--draw", "3"],
            &["network", "generate", "iiot", "--cells", "3"],
        ] {
            assert!(Args::try_parse_from(line).is_err(), "{line:?}");
        }
    }

    #[test]
    fn a_description_names_counts_rates_and_what_looks_odd() {
        let iiot = Scenario::IndustrialIot(IndustrialIot { premises: 1 });
        let shown = text(&Description::of(&iiot.generate(Draw::Published).unwrap()));
        for line in [
            "nodes                      20   20 workers, 4 clients",
            "  rpi3b+                    3",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{shown}");
        }
        assert!(!shown.contains("warning"), "{shown}");
        let clouds = CloudRegions {
            clients: 0,
            ..CloudRegions::default()
        };
        let clouds = Scenario::CloudRegions(clouds).generate(Draw::Published).unwrap();
        assert!(text(&Description::of(&clouds)).contains("warning: no node is a client"));
    }
}
