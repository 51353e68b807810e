//! Callers who are not where they say.

use std::collections::BTreeSet;

use super::{
    Arc, Authority, Duration, Echo, Member, Message, Node, Options, anywhere, bind, name, soon, tls,
};

/// First datagrams of so many connections, whose sender hears no answer.
async fn unanswered(member: &Member, count: usize, to: std::net::SocketAddr) {
    let mut endpoint = quinn::Endpoint::client(anywhere()).unwrap();
    let config = tls::client(member.trust(), tls::PEER);
    endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(config)));
    let deaf = tokio::net::UdpSocket::bind(anywhere()).await.unwrap();
    let (mut seen, mut attempts) = (BTreeSet::new(), Vec::new());
    let mut datagram = [0; 2048];
    while seen.len() < count {
        let attempt = endpoint.connect(deaf.local_addr().unwrap(), "b.fogline");
        // Given up, it would say so.
        attempts.push(attempt.unwrap());
        let length = deaf.recv(&mut datagram).await.unwrap();
        // RFC 9000, 17.2: a long header's byte, four of the version, the length of the destination's id, and that.
        let id = &datagram[6..6 + usize::from(datagram[5])];
        if datagram[0] & 0x80 != 0 && seen.insert(id.to_vec()) {
            deaf.send_to(&datagram[..length], to).await.unwrap();
        }
    }
}

#[tokio::test]
async fn handshakes_that_nobody_goes_on_with_keep_no_node_out() {
    let authority = Authority::new().unwrap();
    let options = Options {
        max_connections: 100,
        connect_timeout: Duration::from_secs(60),
        ..Options::default()
    };
    let served = Node::start(&authority.issue(&name("b")).unwrap(), &options, Echo);
    let identity = authority.issue(&name("a")).unwrap();
    let member = Member::passing(&identity).unwrap();
    unanswered(&member, 200, served.address()).await;
    let caller = bind(&identity, &Options::default());
    caller.know(&name("b"), served.address());
    caller.call(&name("b"), Message::default(), soon()).await.unwrap();
}
