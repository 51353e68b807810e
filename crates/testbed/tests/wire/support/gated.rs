//! Steps of workflows that say when they begin, and end when their test lets them.

use std::path::{Path, PathBuf};

use fogline_protocol::multipart::{self, Part};

use super::package;

/// The steps of the application `gated`, each a function in Python of its own.
pub(crate) struct Gated {
    folder: PathBuf,
}

impl Gated {
    /// Makes a folder for what it needs.
    pub(crate) fn new(folder: &Path) -> Self {
        std::fs::create_dir(folder).expect("the folder can be made");
        Self {
            folder: folder.to_owned(),
        }
    }

    /// The application: its steps with those that they come after, and the ones of them that count in the state `count`
    /// and give that. The others give what they got.
    pub(crate) fn parts(&self, steps: &[(&str, &[&str])], counting: &[&str]) -> Vec<Part> {
        let mut manifest =
            "fogline = 1\n[application]\nname = \"gated\"\nversion = \"0.1.0\"\nmodel = \"in-edge\"\n\
             [states.count]\n"
                .to_owned();
        for (name, after) in steps {
            let writes = counting.contains(name).then_some("writes = [\"count\"]\n");
            manifest += &format!(
                "[functions.{name}]\nprocess = [\"python3\", \"app.py\"]\n{}\
                 [[workflow.steps]]\nname = \"{name}\"\nfunction = \"{name}\"\nafter = {after:?}\n",
                writes.unwrap_or_default()
            );
        }
        let answer = format!(
            "def answer(request):\n    \
                 name = request['function']\n    \
                 with open({folder:?} + '/begun', 'a') as file:\n        \
                     file.write(name + '\\n')\n    \
                 while not os.path.exists({folder:?} + '/' + name):\n        \
                     time.sleep(0.002)\n    \
                 if name not in {counting:?}:\n        \
                     return {{'output': request['input']}}\n    \
                 stored = request['states'].get('count')\n    \
                 count = int(base64.b64decode(stored['value'])) + 1 if stored else 1\n    \
                 value = base64.b64encode(str(count).encode()).decode()\n    \
                 return {{'output': value, 'states': {{'count': value}}}}\n\n\n",
            folder = self.folder.display().to_string(),
        );
        let mut parts = package("process-python", str::to_owned);
        for part in &mut parts {
            if part.name == multipart::MANIFEST {
                part.bytes = manifest.clone().into();
                continue;
            }
            let code = String::from_utf8(part.bytes.to_vec()).expect("it is text");
            let (before, rest) = code.split_once("def answer(request):\n").expect("it answers");
            let (_, after) = rest.split_once("class Handler").expect("it serves");
            part.bytes = format!("import time\n{before}{answer}class Handler{after}").into();
        }
        parts
    }

    /// Lets a step end, now and from now on.
    pub(crate) fn open(&self, step: &str) {
        std::fs::write(self.folder.join(step), "").expect("the folder can be written");
    }

    /// How often a step has begun.
    pub(crate) fn begun(&self, step: &str) -> usize {
        let all = std::fs::read_to_string(self.folder.join("begun")).unwrap_or_default();
        all.lines().filter(|begun| *begun == step).count()
    }
}
