use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::{Id, Operation};

/// The text of a set of operations, in whichever order. A piece after one that has not arrived yet waits for
/// it.
#[must_use]
pub fn text(operations: &[Operation]) -> String {
    let mut pieces: BTreeMap<&Id, &str> = BTreeMap::new();
    let mut places: BTreeMap<Option<&Id>, Vec<&Id>> = BTreeMap::new();
    for operation in operations {
        if let Some(insert) = &operation.insert
            && !pieces.contains_key(&operation.id)
        {
            pieces.insert(&operation.id, insert);
            places
                .entry(operation.after.as_ref())
                .or_default()
                .push(&operation.id);
        }
    }
    let deleted: BTreeSet<&Id> = operations
        .iter()
        .filter_map(|operation| operation.delete.as_ref())
        .collect();
    let mut text = String::new();
    // What is still to be read, the next last. A stack of our own: a long text is a deep tree.
    let mut ahead: Vec<&Id> = in_reverse(places.remove(&None));
    while let Some(id) = ahead.pop() {
        if !deleted.contains(id) {
            text.push_str(pieces[id]);
        }
        ahead.extend(in_reverse(places.remove(&Some(id))));
    }
    text
}

/// The pieces at one place, the first to read last: later numbers come first, equal ones by author.
fn in_reverse(place: Option<Vec<&Id>>) -> Vec<&Id> {
    let mut ids = place.unwrap_or_default();
    ids.sort_by_key(|id| (Reverse(id.1), &id.0));
    ids.reverse();
    ids
}

#[cfg(test)]
mod tests {
    use super::text;
    use crate::{Id, Operation, line, missing, parse};

    fn id(author: &str, number: u32) -> Id {
        Id(author.to_owned(), number)
    }

    fn insert(id: Id, piece: &str, after: Option<Id>) -> Operation {
        Operation {
            id,
            insert: Some(piece.to_owned()),
            after,
            delete: None,
        }
    }

    fn delete(id: Id, piece: Id) -> Operation {
        Operation {
            id,
            insert: None,
            after: None,
            delete: Some(piece),
        }
    }

    /// Two authors go on from the same beginning.
    fn concurrent() -> Vec<Operation> {
        vec![
            insert(id("ada", 1), "Hello", None),
            insert(id("ada", 2), ", world", Some(id("ada", 1))),
            insert(id("bob", 2), " there", Some(id("ada", 1))),
            insert(id("bob", 3), "!", Some(id("ada", 2))),
            delete(id("ada", 4), id("bob", 2)),
        ]
    }

    #[test]
    fn every_order_of_arrival_gives_one_text() {
        let operations = concurrent();
        let mut orders = vec![vec![]];
        for operation in &operations {
            orders = orders
                .iter()
                .flat_map(|order: &Vec<Operation>| {
                    (0..=order.len()).map(|at| {
                        let mut longer = order.clone();
                        longer.insert(at, operation.clone());
                        longer
                    })
                })
                .collect();
        }
        assert_eq!(orders.len(), 120);
        for order in orders {
            assert_eq!(text(&order), "Hello, world!", "{order:?}");
        }
    }

    #[test]
    fn what_answers_a_piece_stands_right_behind_it() {
        let mut operations = concurrent();
        operations.push(insert(id("cy", 5), " dear", Some(id("ada", 1))));
        assert_eq!(text(&operations), "Hello dear, world!");
    }

    #[test]
    fn an_operation_twice_counts_once() {
        let operations = [concurrent(), concurrent()].concat();
        assert_eq!(text(&operations), "Hello, world!");
    }

    #[test]
    fn replicas_that_exchange_what_the_other_lacks_agree() {
        let operations = concurrent();
        let (mut left, mut right) = (operations[..3].to_vec(), operations[2..].to_vec());
        let (to_left, to_right) = (missing(&left, right.clone()), missing(&right, left.clone()));
        left.extend(to_left);
        right.extend(to_right);
        assert_eq!((left.len(), right.len()), (5, 5));
        assert_eq!(text(&left), text(&right));
    }

    #[test]
    fn operations_survive_their_lines() {
        let lines: Vec<u8> = concurrent()
            .iter()
            .flat_map(|operation| line(operation).unwrap())
            .collect();
        assert_eq!(parse(&lines).unwrap(), concurrent());
    }

    #[test]
    fn a_long_text_is_no_deep_recursion() {
        let chain: Vec<Operation> = (0..100_000)
            .map(|number| {
                insert(
                    id("a", number),
                    "x",
                    number.checked_sub(1).map(|before| id("a", before)),
                )
            })
            .collect();
        assert_eq!(text(&chain).len(), 100_000);
    }

    #[test]
    fn an_operation_does_one_thing() {
        for good in concurrent() {
            assert!(good.check().is_ok(), "{good:?}");
        }
        let nothing = Operation {
            id: id("a", 1),
            insert: None,
            after: None,
            delete: None,
        };
        let both = Operation {
            insert: Some("x".to_owned()),
            delete: Some(id("a", 0)),
            ..nothing.clone()
        };
        for bad in [
            nothing,
            both,
            insert(id("", 1), "x", None),
            insert(id("a", 1), "x", Some(id("a", 1))),
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
