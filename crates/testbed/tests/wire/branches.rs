//! Steps of a run that do not need each other.

use std::time::Instant;

use super::rules::two_callers;
use super::support::{Gated, Setup, deadline};

#[tokio::test]
async fn branches_of_a_run_are_executed_at_once() {
    for headers in [&[][..], &[("fogline-run-by", "hops")]] {
        let (folder, nodes, one, _) = two_callers(Setup::default()).await;
        let gates = Gated::new(&folder.path().join("gates"));
        let steps: [(&str, &[&str]); 4] = [
            ("first", &[]),
            ("left", &["first"]),
            ("right", &["first"]),
            ("last", &["left", "right"]),
        ];
        one.deploy_parts(&gates.parts(&steps, &[])).await.ok();
        let mut held = one.session("gated", "in-edge").await;
        for step in ["first", "last"] {
            gates.open(step);
        }
        let run = one.in_session(&mut held, "runs", "in", headers);
        // Neither ends before both have begun.
        let both = async {
            let end = deadline();
            while ["left", "right"].map(|step| gates.begun(step)) != [1, 1] {
                assert!(Instant::now() < end, "{headers:?}: one waits for the other");
                // Nothing tells of what a process writes.
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            gates.open("left");
            gates.open("right");
        };
        let (ran, ()) = tokio::join!(run, both);
        let outputs = b"\x02\0\0\0in\x02\0\0\0in";
        assert_eq!(&ran.ok().body[..], outputs, "{headers:?}");
        nodes.stop().await;
    }
}

/// Whichever node would execute it: the outputs do not fit into one request together.
#[tokio::test]
async fn a_join_of_more_than_fits_into_a_request_is_refused_with_its_step() {
    for headers in [&[][..], &[("fogline-run-by", "hops")]] {
        let (folder, nodes, one, _) = two_callers(Setup::default()).await;
        let gates = Gated::new(&folder.path().join("gates"));
        let steps: [(&str, &[&str]); 4] = [
            ("left", &[]),
            ("middle", &[]),
            ("right", &[]),
            ("last", &["left", "middle", "right"]),
        ];
        one.deploy_parts(&gates.parts(&steps, &[])).await.ok();
        let mut held = one.session("gated", "in-edge").await;
        for (step, _) in steps {
            gates.open(step);
        }
        let ran = one
            .in_session(&mut held, "runs", vec![b'x'; 6 << 20], headers)
            .await;
        ran.is(413, "too-large");
        assert!(ran.text().contains("\"step\":\"last\""), "{}", ran.text());
        assert_eq!(gates.begun("last"), 0);
        nodes.stop().await;
    }
}
