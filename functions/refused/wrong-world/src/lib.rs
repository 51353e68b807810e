//! A component of another world: it exports `run`, where a function exports `handle`.

wit_bindgen::generate!({
    inline: "
        package fogline:elsewhere;
        world other {
            export run: func(input: string) -> string;
        }
    ",
});

struct Other;

impl Guest for Other {
    fn run(input: String) -> String {
        input
    }
}

export!(Other);
