//! What somebody may have meant by a name that is not there.

/// `did you mean "…"?` with the known name that is nearest to `name`, or else what else to do.
pub(crate) fn or<'a>(name: &str, known: impl IntoIterator<Item = &'a str>, otherwise: &str) -> String {
    match nearest(name, known) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => otherwise.to_owned(),
    }
}

/// The nearest of the known names, the first of several; none if all are far.
fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // One wrong character of three: with more of them, short names would all stand for each other.
    let far = (name.chars().count() / 3).max(1);
    let near = |candidate: &'a str| {
        let apart = candidate.len().abs_diff(name.len());
        // Telling the distance takes the product of both lengths; a key can be as long as its file.
        (apart <= 4 * far && name.len() <= 256)
            .then(|| (strsim::osa_distance(name, candidate), candidate))
            .filter(|(distance, _)| *distance <= far)
    };
    known
        .into_iter()
        .filter_map(near)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn only_near_names_are_suggested() {
        let known = ["memory", "time", "fuel", "concurrency"];
        for (name, meant) in [
            ("memroy", Some("memory")),
            ("mem", None),
            ("tiem", Some("time")),
            ("concurency", Some("concurrency")),
            ("", None),
            ("ä", None),
        ] {
            assert_eq!(nearest(name, known), meant, "{name}");
        }
        assert_eq!(nearest("s3", ["s1", "s2"]), Some("s1"), "the first of several");
    }
}
