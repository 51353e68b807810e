//! The dashboard that comes with the project asks for metrics that there are.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::node::root;

/// What queries call their metrics.
fn metrics(query: &str) -> impl Iterator<Item = &str> {
    let words = query.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
    words.filter(|word| word.starts_with("fogline_") || word.starts_with("faas_"))
}

/// All texts under a key, at any depth.
fn under<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == key => found.push(text),
                    _ => under(value, key, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| under(value, key, found)),
        _ => {}
    }
}

#[test]
fn every_metric_of_the_dashboard_is_in_the_table_of_metrics() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).expect("the file is there");
    let dashboard: Value = serde_json::from_str(&read("docs/grafana/fogline.json")).expect("it is JSON");
    let mut queries = Vec::new();
    under(&dashboard, "expr", &mut queries);
    under(&dashboard, "query", &mut queries);
    let page = read("docs/src/api.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let there: BTreeSet<&str> = rows.filter_map(|row| metrics(row).next()).collect();
    assert!(queries.len() > 20, "{queries:?}");
    for name in queries.iter().flat_map(|query| metrics(query)) {
        let of_histogram = ["_bucket", "_count", "_sum"];
        let metric = of_histogram
            .iter()
            .find_map(|end| name.strip_suffix(end))
            .unwrap_or(name);
        assert!(there.contains(metric), "{name} is not in the table of metrics");
    }
}
