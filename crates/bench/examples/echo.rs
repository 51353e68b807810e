//! A bare axum server that answers what it is sent: what a node is compared with.

use axum::Router;
use axum::routing::post;
use axum::serve::ListenerExt;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "whoever starts it reads its address")]
async fn main() -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let router = Router::new().route("/echo", post(|body: axum::body::Bytes| async { body }));
    axum::serve(listener, router.layer(axum::extract::DefaultBodyLimit::disable())).await
}
