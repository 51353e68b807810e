//! Devices: what is known of each type, and how fast each runs each class of function.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::units::{Bytes, Speed};

/// A type of device, as in ether's catalogue (simulators.md 1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Device {
    /// Short name, the prefix of generated node names.
    pub name: &'static str,
    /// CPU capacity, in thousandths of a core.
    pub cpu_millis: u64,
    /// Main memory.
    pub memory: Bytes,
    /// Instruction set.
    pub arch: &'static str,
    /// Form factor: `server`, `sffc`, `sbc`, `embai`, `vm`.
    pub kind: &'static str,
    /// Model, the name in StateSim's files.
    pub model: &'static str,
    /// The GPU's or TPU's family, if there is one.
    pub accelerator: Option<&'static str>,
}

macro_rules! device {
    ($const:ident, $name:literal, $millis:literal, $memory:literal, $arch:literal, $kind:literal, $model:literal, $acc:expr) => {
        #[doc = concat!("The device `", $name, "`.")]
        pub const $const: Self = Self {
            name: $name,
            cpu_millis: $millis,
            memory: Bytes($memory),
            arch: $arch,
            kind: $kind,
            model: $model,
            accelerator: $acc,
        };
    };
}

impl Device {
    device!(CLOUD_VM, "cloudvm", 4000, 8_363_810_816, "x86", "vm", "vm", None);
    device!(
        SERVER,
        "server",
        88_000,
        188_000_000_000,
        "x86",
        "server",
        "server",
        None
    );
    device!(RPI3, "rpi3", 4000, 1_023_012_864, "arm32", "sbc", "rpi3b+", None);
    device!(RPI4, "rpi4", 4000, 1_000_000_000, "arm32v7", "sbc", "rpi4", None);
    device!(NUC, "nuc", 4000, 17_179_869_184, "x86", "sffc", "nuci5", None);
    device!(
        TX2,
        "tx2",
        4000,
        8_240_386_048,
        "aarch64",
        "embai",
        "nvidia_jetson_tx2",
        Some("gpu=pascal")
    );
    device!(
        ROCKPI,
        "rockpi",
        6000,
        4_000_000_000,
        "aarch64",
        "sbc",
        "rockpi4",
        None
    );
    device!(
        CORAL,
        "coral",
        4000,
        1_000_000_000,
        "aarch64",
        "sbc",
        "coral",
        Some("tpu=edgetpu")
    );
    device!(
        NANO,
        "nano",
        4000,
        4_000_000_000,
        "aarch64",
        "embai",
        "nvidia_jetson_nano",
        Some("gpu=maxwell")
    );
    device!(
        NX,
        "nx",
        6000,
        8_000_000_000,
        "aarch64",
        "embai",
        "nvidia_jetson_nx",
        Some("gpu=volta")
    );

    /// The whole catalogue.
    pub const ALL: [Self; 10] = [
        Self::CLOUD_VM,
        Self::SERVER,
        Self::RPI3,
        Self::RPI4,
        Self::NUC,
        Self::TX2,
        Self::ROCKPI,
        Self::CORAL,
        Self::NANO,
        Self::NX,
    ];

    /// The device with this model name (`nuci5`, `rpi3b+`, …).
    #[must_use]
    pub fn by_model(model: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|device| device.model == model)
    }

    /// The device with this short name (`nuc`, `rpi3`, …).
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|device| device.name == name)
    }
}

/// A class of function: what dominates its execution. A single speed per node is wrong: a Raspberry Pi 3 is
/// 4.7 times slower than a NUC at scalar Python and 32 times slower at vectorised inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FunctionClass {
    /// No measurement: CPU millis decide.
    Generic,
    /// Scalar computation (faas-sim's `python-pi`).
    Scalar,
    /// Vectorised inference (`resnet-infer-cpu`).
    Inference,
    /// Image preparation (`resnet-preproc`).
    ImagePreparation,
    /// Small quantised models (`mobilenet-tflite`).
    MobileInference,
    /// Speech to text (`speech-tflite`).
    Speech,
    /// Disk input and output (`fio`).
    DiskIo,
}

impl FunctionClass {
    /// All classes.
    pub const ALL: [Self; 7] = [
        Self::Generic,
        Self::Scalar,
        Self::Inference,
        Self::ImagePreparation,
        Self::MobileInference,
        Self::Speech,
        Self::DiskIo,
    ];

    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Scalar => "scalar",
            Self::Inference => "inference",
            Self::ImagePreparation => "image-preparation",
            Self::MobileInference => "mobile-inference",
            Self::Speech => "speech",
            Self::DiskIo => "disk-io",
        }
    }

    /// Position in [`Self::ALL`], for tables.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// Mean seconds of one invocation on a device of this model, as measured by the authors of faas-sim
    /// (MIT; its `ext/raith21` laws, simulators.md 3.1). `None` where nothing was measured.
    ///
    /// The Xeon's 2.98 s for `python-pi` is slower than a Raspberry Pi and marked odd by its source; it is
    /// left out, so that millis decide there.
    #[must_use]
    pub fn measured_seconds(self, model: &str) -> Option<f64> {
        const MODELS: [&str; 9] = [
            "rpi3b+",
            "rpi4",
            "coral",
            "rockpi4",
            "nvidia_jetson_nano",
            "nvidia_jetson_tx2",
            "nvidia_jetson_nx",
            "nuci5",
            "server",
        ];
        const NONE: f64 = f64::NAN;
        let row: [f64; 9] = match self {
            Self::Generic => return None,
            Self::Scalar => [2.04, 1.83, 1.67, 0.92, 1.31, 0.96, 1.30, 0.43, NONE],
            Self::Inference => [5.10, 2.91, 2.19, 1.38, 0.93, 0.74, 0.51, 0.157, 0.179],
            Self::ImagePreparation => [30.5, 19.5, 10.5, 7.65, 7.94, 6.39, 6.08, 2.53, 2.66],
            Self::MobileInference => [2.07, 1.28, 0.67, 0.52, 0.48, 0.43, 0.33, 0.28, 0.28],
            Self::Speech => [16.6, 6.75, 7.21, 3.82, 3.89, 3.44, 2.68, 1.06, 1.08],
            Self::DiskIo => [30.0, 27.8, NONE, 22.0, 19.6, 4.3, 13.9, 1.12, 1.14],
        };
        let seconds = row[MODELS.iter().position(|known| *known == model)?];
        (!seconds.is_nan()).then_some(seconds)
    }

    /// The speed of a device of this model with so many CPU millis at functions of this class.
    ///
    /// Measured seconds are per invocation on one core's worth of work, so a device's speed is that of its
    /// cores at the NUC's rate of 10^9 op/s per core, scaled by how much faster or slower than a NUC it
    /// measured. Without a measurement it is [`Speed::of_cpu_millis`].
    #[must_use]
    pub fn speed(self, model: &str, cpu_millis: u64) -> Speed {
        let by_millis = Speed::of_cpu_millis(cpu_millis);
        match (
            self.measured_seconds(model),
            self.measured_seconds(Device::NUC.model),
        ) {
            (Some(here), Some(nuc)) => Speed(by_millis.0 * (nuc / here)),
            _ => by_millis,
        }
    }
}

impl fmt::Display for FunctionClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for FunctionClass {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|class| class.name() == name)
            .ok_or_else(|| {
                let all: Vec<_> = Self::ALL.iter().map(|class| class.name()).collect();
                format!(
                    "unknown function class \"{name}\", expected one of {}",
                    all.join(", ")
                )
            })
    }
}
