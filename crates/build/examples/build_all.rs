//! x
fn main() {
    match fogline_build::build_all(std::path::Path::new("functions")) {
        Ok(b) => {
            for c in b.components {
                eprintln!("{:?}", c);
            }
        }
        Err(e) => {
            let mut s: Option<&dyn std::error::Error> = Some(&e);
            while let Some(x) = s {
                eprintln!("{x}");
                s = x.source();
            }
            eprintln!("{:?}", e.hint());
        }
    }
}
