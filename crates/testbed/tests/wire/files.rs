//! The files of functions that are processes: sent, laid out, and removed.

use std::path::Path;
use std::time::{Duration, Instant};

use fogline_client::{Client, Package};
use fogline_protocol::multipart::{self, Part};

use super::rules::two_callers;
use super::support::{Setup, deadline, package};

/// A function that answers with what a helper in a folder makes of a name in a file.
fn greeting(folder: &Path, name: &str) -> Package {
    let manifest = "fogline = 1\n[application]\nname = \"greeting\"\nversion = \"1\"\nmodel = \"in-edge\"\n\
         [functions.greet]\nprocess = [\"python3\", \"app.py\"]\nfiles = [\"lib\", \"data/name\"]\n";
    let example = package("process-python", str::to_owned);
    let app = example.into_iter().find(|part| part.name == "app.py").unwrap();
    let app = String::from_utf8(app.bytes.to_vec()).unwrap();
    let answer = "from lib.words import hello\n\n\ndef answer(request):\n    text = hello(open(\"data/name\").read())\n    \
         return {\"output\": base64.b64encode(text.encode()).decode()}\n\n\nclass Handler";
    for (path, text) in [
        ("fogline.toml", manifest),
        ("app.py", &app.replacen("class Handler", answer, 1)),
        ("lib/__init__.py", ""),
        ("lib/words.py", "def hello(name):\n    return f\"hello {name}\"\n"),
        ("data/name", name),
        ("data/not-named", "x"),
    ] {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    Package::read(folder).unwrap()
}

#[tokio::test]
async fn a_program_imports_from_a_folder_that_was_named_at_every_node() {
    let (_folder, nodes, one, two) = two_callers(Setup::default()).await;
    let project = tempfile::tempdir().unwrap();
    let (app, function) = ("greeting".parse().unwrap(), "greet".parse().unwrap());
    let client = |url: &str| Client::builder(url).build().unwrap();
    let package = greeting(project.path(), "world");
    assert!(!package.files.contains_key("data/not-named"));
    let first = client(&one.url).deploy(&package).await.unwrap();
    for caller in [&one, &two] {
        let reply = client(&caller.url).invoke_stateless(&app, &function, "").await;
        assert_eq!(reply.unwrap().output, "hello world");
    }
    let again = client(&one.url).deploy(&greeting(project.path(), "moon")).await;
    assert_ne!(
        again.unwrap().digest,
        first.digest,
        "they are part of the package"
    );
    nodes.stop().await;
}

#[tokio::test]
async fn a_program_needs_no_file_of_its_package() {
    let (folder, nodes, one, _) = two_callers(Setup::default()).await;
    let example = package("process-python", str::to_owned);
    let app = example.iter().find(|part| part.name == "app.py").unwrap();
    let there = folder.path().join("app.py");
    std::fs::write(&there, &app.bytes).unwrap();
    let of_path = |manifest: &str| manifest.replace("app.py", &there.display().to_string());
    let manifest = package("process-python", of_path).swap_remove(0);
    one.deploy_parts(&[manifest]).await.ok();
    let mut held = one.session("words", "in-edge").await;
    let counted = one.in_session(&mut held, "functions/count", "a b a", &[]).await;
    assert_eq!(counted.ok().text(), "{\"a\": 2, \"b\": 1}");
    nodes.stop().await;
}

#[tokio::test]
async fn a_package_without_what_a_function_names_is_refused() {
    let (_folder, nodes, one, _) = two_callers(Setup::default()).await;
    let project = tempfile::tempdir().unwrap();
    let package = greeting(project.path(), "world");
    let mut parts = vec![Part::new(multipart::MANIFEST, package.manifest.clone())];
    let named = |(path, bytes): (&String, &bytes::Bytes)| Part::new(path.clone(), bytes.clone());
    parts.extend(package.files.iter().map(named));
    one.deploy_parts(&parts).await.ok();
    parts.retain(|part| !part.name.starts_with("lib/"));
    let refused = one.deploy_parts(&parts).await;
    assert_eq!(refused.kind(), "not-deployable");
    assert!(
        refused.text().contains("nothing was sent of lib"),
        "{}",
        refused.text()
    );
    nodes.stop().await;
}

/// Waits until so many folders are laid out at a node for the tenant, and gives their names.
async fn laid_out(folder: &Path, node: &str, count: usize) -> Vec<String> {
    let end = deadline();
    loop {
        let entries = std::fs::read_dir(folder.join(node).join("apps/local")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let names: Vec<String> = names.collect();
        if names.len() == count {
            return names;
        }
        assert!(Instant::now() < end, "{names:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn folders_go_when_no_version_that_is_deployed_runs_there() {
    let (folder, mut nodes, one, _) = two_callers(Setup::sweeping()).await;
    let project = tempfile::tempdir().unwrap();
    let (app, function) = ("greeting".parse().unwrap(), "greet".parse().unwrap());
    let client = Client::builder(&one.url).build().unwrap();
    client.deploy(&greeting(project.path(), "world")).await.unwrap();
    let first = laid_out(folder.path(), "one", 1).await;
    client.deploy(&greeting(project.path(), "moon")).await.unwrap();
    for node in ["one", "two"] {
        let second = laid_out(folder.path(), node, 1).await;
        assert_ne!(second, first, "it was replaced");
    }
    // What the version before needs is laid out again.
    client.roll_back(&app, false).await.unwrap();
    assert_eq!(laid_out(folder.path(), "one", 1).await, first);
    let reply = client.invoke_stateless(&app, &function, "").await.unwrap();
    assert_eq!(reply.output, "hello world");

    // Left by a node that was killed, or by an earlier version.
    nodes.stop_node("one").await;
    let old = folder.path().join("one/apps/local/0123456789abcdef/lib");
    std::fs::create_dir_all(&old).unwrap();
    nodes.start_node("one").await;
    assert_eq!(laid_out(folder.path(), "one", 1).await, first);
    assert!(!old.exists());
    let client = Client::builder(nodes.url("one")).build().unwrap();
    let reply = client.invoke_stateless(&app, &function, "").await.unwrap();
    assert_eq!(reply.output, "hello world");

    client.delete_app(&app).await.unwrap();
    for node in ["one", "two"] {
        laid_out(folder.path(), node, 0).await;
    }
    nodes.stop().await;
}
