//! One node in a process of its own: `node FOLDER`. Says where it is when it is ready, and stops with its stdin.

use std::error::Error;

use fogline_bench::{LocalNode, LocalOptions};
use mimalloc::MiMalloc;
use tokio::io::AsyncReadExt;

/// As in the command `fogline`.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "whoever starts it reads its address")]
async fn main() -> Result<(), Box<dyn Error>> {
    let data = std::env::args_os()
        .nth(1)
        .ok_or("name the folder of the node's data")?
        .into();
    let node = LocalNode::start(LocalOptions { data, pooling: true }).await?;
    println!("http://{}", node.address());
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    node.stop().await;
    Ok(())
}
