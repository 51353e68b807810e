//! No three files make the reader of StateSim's networks fail otherwise than with an answer; and what it reads
//! and can write, it reads again.
#![no_main]

use fogline_workload::network::statesim;

/// What parts the three files in one input.
const PART: &[u8] = b"%%\n";

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let (nodes, rest) = cut(data);
    let (links, edges) = cut(rest);
    let Ok(network) = statesim::parse(nodes, links, edges) else {
        return;
    };
    let Ok(written) = statesim::write(&network) else {
        return;
    };
    let again = statesim::parse(
        written.nodes.as_bytes(),
        written.links.as_bytes(),
        written.edges.as_bytes(),
    );
    let again = again.map(|network| network.node_count());
    assert_eq!(again, Ok(network.node_count()));
});

/// What stands before and behind the first part mark.
fn cut(data: &[u8]) -> (&[u8], &[u8]) {
    match data.windows(PART.len()).position(|window| window == PART) {
        Some(at) => (&data[..at], &data[at + PART.len()..]),
        None => (data, &[]),
    }
}
