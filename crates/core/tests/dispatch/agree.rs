//! The fast choice, the explained one and the one made again are the same.

use std::collections::BTreeMap;
use std::time::Duration;

use fogline_core::dispatch::{DecisionRecord, Standing, choose, place, record, replay};
use fogline_core::model::{Bytes, ExecutionModel};
use fogline_core::policy::Placement;
use proptest::prelude::*;

use super::world::{application, function, key, load, name, request, view};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_decision_is_the_same_however_it_is_made(
        machines in 1..12_usize,
        events in prop::collection::vec((0..12_usize, 0..7_u8, 0..40_u32), 0..40),
        model in prop::sample::select(ExecutionModel::PAPER.to_vec()),
        (home, state, input) in (0..12_usize, 0..100_000_u64, 0..100_000_u64),
        known in prop::option::of(0..100_000_u64),
        gpu: bool,
        (draw, turn) in any::<(u64, u64)>(),
    ) {
        let (mut view, key) = (view(machines), key());
        let app = application(function(if gpu { &["gpu"] } else { &[] }), Bytes(state));
        let known = known.map(|bytes| ("s".parse().unwrap(), Bytes(bytes))).into_iter().collect();
        let mut request = request(&view, &key, &app, home % machines);
        request.states = &known;
        (request.model, request.input) = (model, Bytes(input));
        (request.draw, request.turn) = (draw, turn);
        for (index, &(node, what, figure)) in events.iter().enumerate() {
            // Functions are known from their first placement.
            choose(&mut view, Placement::Load, &request).into_iter().for_each(drop);
            let (node, now): (_, Duration) = (name(node), Duration::from_millis(index as u64 * 700));
            let took = Duration::from_millis(u64::from(figure) * 13);
            match what {
                0 | 1 => view.sent(&node),
                2 => view.tell(&node, &load(figure), &BTreeMap::new(), now),
                3 => view.executed(&node, &key, took, now),
                4 => view.answered(&node, &key, took, now),
                5 => view.measured(&node, took, None),
                _ if figure < 5 => view.stand(&node, Standing::Away),
                _ => view.heard_of(&node),
            }
            request.now = now + Duration::from_millis(300);
        }
        for placement in Placement::ALL {
            let fast = choose(&mut view, placement, &request).map(|it| (it.node.clone(), it.score));
            let explained = place(&mut view, placement, &request).unwrap();
            prop_assert_eq!(fast.as_ref().map(|it| &it.0), explained.chosen.as_ref(), "{}", placement);
            if let Some((node, score)) = fast {
                let candidate = explained.candidates.iter().find(|it| it.node == node).unwrap();
                prop_assert_eq!(candidate.score, Some(score), "{}: to the last bit", placement);
            }
            let written = serde_json::to_string(&record(&mut view, placement, &request).unwrap()).unwrap();
            let read: DecisionRecord = serde_json::from_str(&written).unwrap();
            prop_assert_eq!(&replay(&read), &explained, "{}", placement);
        }
    }
}
