//! The sections of `fogline.toml`, as they are written. docs/src/manifest.md is their manual.

use std::collections::BTreeMap;

use fogline_core::application::{Durability, Guard, Instance, Migrate};
use fogline_core::model::{AppName, FunctionClass, FunctionName, StateName, StepName};
use fogline_core::policy::Placement;
use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;

use crate::amount::{Size, Time};

/// What tells the format; read before everything else, so that a file of another version is not found to have
/// unknown keys.
#[derive(Deserialize)]
pub(super) struct Header {
    pub(super) fogline: Option<Spanned<i64>>,
}

/// A whole file.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct File {
    /// Read as [`Header`].
    #[serde(rename = "fogline")]
    _fogline: IgnoredAny,
    pub(super) application: ApplicationSection,
    #[serde(default)]
    pub(super) states: BTreeMap<Spanned<StateName>, StateSection>,
    #[serde(default)]
    pub(super) functions: BTreeMap<Spanned<FunctionName>, FunctionSection>,
    pub(super) workflow: Option<Spanned<WorkflowSection>>,
}

/// The application as a whole.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct ApplicationSection {
    pub(super) name: AppName,
    pub(super) version: Spanned<String>,
    pub(super) model: Spanned<String>,
    #[serde(default)]
    pub(super) durability: Durability,
    #[serde(default)]
    pub(super) guard: Guard,
    #[serde(default)]
    pub(super) placement: Placement,
    #[serde(default)]
    pub(super) migrate: Migrate,
    pub(super) session_ttl: Option<Spanned<Time>>,
}

/// A state.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct StateSection {
    pub(super) schema: Option<Spanned<u32>>,
    pub(super) reads_schema_from: Option<Spanned<u32>>,
    pub(super) model: Option<Spanned<String>>,
    pub(super) size: Option<Spanned<Size>>,
}

/// A function.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct FunctionSection {
    pub(super) component: Option<Spanned<String>>,
    pub(super) process: Option<Spanned<Vec<String>>>,
    #[serde(default)]
    pub(super) files: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) reads: Vec<Spanned<StateName>>,
    #[serde(default)]
    pub(super) writes: Vec<Spanned<StateName>>,
    pub(super) instance: Option<Spanned<Instance>>,
    pub(super) operations: Option<u64>,
    pub(super) class: Option<FunctionClass>,
    #[serde(default)]
    pub(super) requires: Vec<Spanned<String>>,
    pub(super) output: Option<Spanned<Size>>,
    #[serde(default)]
    pub(super) limits: LimitsSection,
}

/// What one invocation may use.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub(super) struct LimitsSection {
    pub(super) memory: Option<Spanned<Size>>,
    pub(super) time: Option<Spanned<Time>>,
    pub(super) fuel: Option<Spanned<u64>>,
    pub(super) concurrency: Option<Spanned<u32>>,
    pub(super) output: Option<Spanned<Size>>,
}

/// The workflow.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct WorkflowSection {
    pub(super) steps: Vec<StepSection>,
}

/// A step of the workflow.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct StepSection {
    pub(super) name: Spanned<StepName>,
    pub(super) function: Spanned<FunctionName>,
    /// Without it: after the step before this one in the file.
    pub(super) after: Option<Vec<Spanned<StepName>>>,
}
