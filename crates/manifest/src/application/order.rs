//! The order of a workflow's steps.

/// The steps in an order in which each comes after those that it waits for, otherwise as they are numbered; or
/// the steps of a circle, each waiting for the next and the last for the first.
///
/// `after` says for each step which it waits for.
pub(super) fn order(after: &[Vec<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    let mut order = Vec::with_capacity(after.len());
    let mut done = vec![false; after.len()];
    while order.len() < after.len() {
        let waits = |step: usize| after[step].iter().any(|before| !done[*before]);
        match (0..after.len()).find(|step| !done[*step] && !waits(*step)) {
            Some(ready) => {
                done[ready] = true;
                order.push(ready);
            }
            None => return Err(circle(after, &done)),
        }
    }
    Ok(order)
}

/// A circle among the steps that are not done, each of which waits for another of them.
fn circle(after: &[Vec<usize>], done: &[bool]) -> Vec<usize> {
    let mut way: Vec<usize> = Vec::new();
    let mut next = done.iter().position(|done| !done);
    while let Some(step) = next {
        if let Some(start) = way.iter().position(|met| *met == step) {
            way.drain(..start);
            break;
        }
        way.push(step);
        next = after[step].iter().copied().find(|before| !done[*before]);
    }
    way
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::order;

    #[test]
    fn steps_that_may_come_in_any_order_stay_as_they_are() {
        assert_eq!(order(&[vec![], vec![], vec![]]), Ok(vec![0, 1, 2]));
        assert_eq!(order(&[vec![2], vec![], vec![]]), Ok(vec![1, 2, 0]));
    }

    #[test]
    fn a_step_that_waits_for_itself_is_a_circle() {
        assert_eq!(order(&[vec![], vec![1]]), Err(vec![1]));
    }

    proptest! {
        #[test]
        fn an_order_keeps_every_wait_and_a_circle_is_one(
            after in (1..12_usize).prop_flat_map(|steps| {
                prop::collection::vec(prop::collection::vec(0..steps, 0..3), steps)
            })
        ) {
            match order(&after) {
                Ok(order) => {
                    let mut sorted = order.clone();
                    sorted.sort_unstable();
                    prop_assert_eq!(sorted, (0..after.len()).collect::<Vec<_>>());
                    let place = |step: usize| order.iter().position(|it| *it == step);
                    for (step, before) in after.iter().enumerate() {
                        prop_assert!(before.iter().all(|before| place(*before) < place(step)));
                    }
                }
                Err(circle) => {
                    prop_assert!(!circle.is_empty());
                    for (at, step) in circle.iter().enumerate() {
                        prop_assert!(after[*step].contains(&circle[(at + 1) % circle.len()]));
                    }
                }
            }
        }
    }
}
