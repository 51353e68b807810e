//! Who is let in.

use fogline_state::conformance::Scene;
use fogline_state::{Committed, EtcdConnectError, EtcdCredentials, EtcdOptions, EtcdStore, EtcdTls, Store};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;

use crate::started;

#[tokio::test]
async fn what_is_no_server_and_where_nobody_answers_is_said() {
    let connect =
        async |servers: &[&str]| EtcdStore::connect(&EtcdOptions::new(servers.iter().copied())).await;
    for bad in [
        &[][..],
        &["not a url"],
        &["ftp://localhost"],
        &["https://127.0.0.1:1"],
    ] {
        let error = connect(bad).await.unwrap_err();
        assert!(matches!(error, EtcdConnectError::BadServer { .. }), "{error:?}");
    }
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    // For all of the default time, in which a server is tried a hundred times.
    let options = EtcdOptions::new([format!("http://{free}")]);
    let error = EtcdStore::connect(&options).await.unwrap_err();
    assert!(matches!(error, EtcdConnectError::Silent { .. }), "{error:?}");
}

/// A user with a role for one prefix; and servers that forget its token.
#[tokio::test]
async fn a_user_works_under_its_prefix_and_survives_the_loss_of_its_token() {
    let mut cluster = started!(1, &[]);
    // Base64 of "fogline/" and "fogline0".
    let perm = json!({"permType": "READWRITE", "key": "Zm9nbGluZS8=", "range_end": "Zm9nbGluZTA="});
    for (path, body) in [
        ("auth/user/add", json!({"name": "root", "password": "rootsecret"})),
        ("auth/user/add", json!({"name": "edge", "password": "secret"})),
        ("auth/role/add", json!({"name": "root"})),
        ("auth/role/add", json!({"name": "edge"})),
        ("auth/role/grant", json!({"name": "edge", "perm": perm})),
        ("auth/user/grant", json!({"user": "root", "role": "root"})),
        ("auth/user/grant", json!({"user": "edge", "role": "edge"})),
        ("auth/enable", json!({})),
    ] {
        cluster.ask(path, &body);
    }
    let options = |password: &str, prefix: &str| EtcdOptions {
        prefix: prefix.to_owned(),
        credentials: Some(EtcdCredentials {
            user: "edge".to_owned(),
            password: password.to_owned(),
        }),
        ..cluster.options()
    };
    let with = async |password, prefix| EtcdStore::connect(&options(password, prefix)).await;
    let nobody = EtcdStore::connect(&cluster.options()).await.unwrap_err();
    assert!(matches!(nobody, EtcdConnectError::Refused { .. }), "{nobody:?}");
    let wrong = with("guess", "fogline").await.unwrap_err();
    assert!(matches!(wrong, EtcdConnectError::Refused { .. }), "{wrong:?}");
    assert!(
        !wrong.to_string().contains("guess"),
        "no password is shown: {wrong}"
    );
    let elsewhere = with("secret", "other").await.unwrap_err();
    assert!(elsewhere.to_string().contains("permission denied"), "{elsewhere}");

    let store = with("secret", "fogline").await.unwrap();
    let scene = Scene::new("token");
    assert_eq!(
        store.commit(&scene.key(1), scene.birth()).await.unwrap(),
        Committed::Done
    );
    // As a node that was started while no server ran.
    let later = EtcdStore::new(&options("secret", "fogline")).unwrap();
    assert!(
        later
            .load(&scene.key(1), &Default::default())
            .await
            .unwrap()
            .is_some()
    );
    // Tokens are in its memory only.
    cluster.kill(0);
    cluster.restart(0);
    assert_eq!(
        store.commit(&scene.key(2), scene.birth()).await.unwrap(),
        Committed::Done
    );
}

#[tokio::test]
async fn certificates_are_checked_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority();
    let (certificate, key) = signed(&authority);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (ca_file, certificate_file, key_file) = (path("ca.pem"), path("server.pem"), path("server.key"));
    std::fs::write(&ca_file, authority.pem()).unwrap();
    std::fs::write(&certificate_file, certificate).unwrap();
    std::fs::write(&key_file, key).unwrap();
    let cluster = started!(
        1,
        &[
            "--cert-file",
            &certificate_file,
            "--key-file",
            &key_file,
            "--client-cert-auth",
            "--trusted-ca-file",
            &ca_file
        ]
    );
    let with = async |ca: &CertifiedIssuer<'_, KeyPair>, identity| {
        let mut options = cluster.options();
        options.servers = options
            .servers
            .iter()
            .map(|url| url.replace("http:", "https:"))
            .collect();
        options.timeout = std::time::Duration::from_secs(2);
        options.tls = Some(EtcdTls {
            ca: ca.pem().into_bytes(),
            identity,
        });
        EtcdStore::connect(&options).await
    };
    let store = with(&authority, Some(signed(&authority))).await.unwrap();
    let scene = Scene::new("tls");
    assert_eq!(
        store.commit(&scene.key(1), scene.birth()).await.unwrap(),
        Committed::Done
    );

    let other = self::authority();
    for refused in [
        with(&authority, None).await,
        with(&authority, Some(signed(&other))).await,
        with(&other, Some(signed(&authority))).await,
    ] {
        let error = refused.unwrap_err();
        assert!(matches!(error, EtcdConnectError::Silent { .. }), "{error:?}");
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for this machine and its key, in PEM.
fn signed(authority: &CertifiedIssuer<'static, KeyPair>) -> (Vec<u8>, Vec<u8>) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    (certificate.pem().into_bytes(), key.serialize_pem().into_bytes())
}
