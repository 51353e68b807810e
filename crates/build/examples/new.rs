//! x
fn main() {
    let dir = std::env::args().nth(1).unwrap();
    let d = std::path::Path::new(&dir);
    if !d.exists() {
        fogline_build::new_project(d, &"demo".parse().unwrap(), fogline_build::ProjectKind::Rust).unwrap();
    }
    match fogline_build::build_project(d) {
        Ok(b) => eprintln!("{b:?}"),
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
