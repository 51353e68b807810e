//! The subcommands: one module each, with its arguments and what it does.

pub(crate) mod authority;
pub(crate) mod bench;
pub(crate) mod build;
pub(crate) mod delete;
pub(crate) mod demo;
pub(crate) mod deploy;
pub(crate) mod describe;
pub(crate) mod drain;
pub(crate) mod explain;
pub(crate) mod get;
pub(crate) mod invoke;
pub(crate) mod logs;
pub(crate) mod migrate;
pub(crate) mod network;
pub(crate) mod new;
pub(crate) mod node;
pub(crate) mod replay;
pub(crate) mod reproduce;
pub(crate) mod rollback;
pub(crate) mod sim;
pub(crate) mod state;
pub(crate) mod statesim;
pub(crate) mod top;
pub(crate) mod up;
pub(crate) mod workload;

use clap::Subcommand;

use crate::failure::Failure;

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run the paper's application on real nodes under the four models, beside its simulation
    Demo(demo::Args),
    /// Run a network of nodes on this machine, for daily work
    Up(up::Args),
    /// Run one node
    Node(node::Args),
    /// Say who is a node of a network: make its authority, tokens that admit, and throw nodes out
    Authority(authority::Args),
    /// Make a project of a function with a state
    New(new::Args),
    /// Build the components of a project
    Build(build::Args),
    /// Deploy a project to a network
    Deploy(deploy::Args),
    /// Deploy the version of an application before the one that is deployed
    Rollback(rollback::Args),
    /// Invoke a function, or run a workflow
    Invoke(invoke::Args),
    /// List applications, nodes, quotas or sessions
    Get(get::Args),
    /// Describe an application, or a session
    Describe(describe::Args),
    /// Delete an application, or a session
    Delete(delete::Args),
    /// Say where an invocation would run, and why; nothing is executed
    Explain(explain::Args),
    /// Make the decisions of a node's log again, and say which differ
    Replay(replay::Args),
    /// Print what functions have logged
    Logs(logs::Args),
    /// List, read, write and move the states of a session
    State(state::Args),
    /// Move a session to another node, also while it is in use
    Migrate(migrate::Args),
    /// Move all sessions of a node to others, so that it can be switched off
    Drain(drain::Args),
    /// Watch the nodes of a network, what they do and what is between them, in the terminal
    Top(top::Args),
    /// Load a network, and time its answers
    Bench(bench::Args),
    /// Reproduce the paper's simulation: Figures 4, 5 and 6, exactly and then correctly.
    Reproduce(sim::RunOptions),
    /// Run scenarios, take them apart, put them together.
    Sim(sim::Args),
    /// Generate, convert and describe networks.
    Network(network::Args),
    /// Simulate as StateSim v1.1.1 does, to the last bit: a drop-in replacement.
    Statesim(statesim::Args),
    /// Describe and generate traces of jobs.
    Workload(workload::Args),
}

/// Does it.
pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Demo(args) => demo::run(&args),
        Command::Up(args) => up::run(&args),
        Command::Node(args) => node::run(&args),
        Command::Authority(args) => authority::run(args),
        Command::New(args) => new::run(args),
        Command::Build(args) => build::run(&args),
        Command::Deploy(args) => deploy::run(&args),
        Command::Rollback(args) => rollback::run(&args),
        Command::Invoke(args) => invoke::run(&args),
        Command::Get(args) => get::run(&args),
        Command::Describe(args) => describe::run(&args),
        Command::Delete(args) => delete::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Logs(args) => logs::run(&args),
        Command::State(args) => state::run(&args),
        Command::Migrate(args) => migrate::run(&args),
        Command::Drain(args) => drain::run(&args),
        Command::Top(args) => top::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Reproduce(args) => reproduce::run(args),
        Command::Sim(args) => sim::run(args),
        Command::Network(args) => network::run(args),
        Command::Statesim(args) => statesim::run(args),
        Command::Workload(args) => workload::run(args),
    }
}
