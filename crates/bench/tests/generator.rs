//! The generator, against a server whose answers take a known time.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use fogline_bench::{BenchError, Load, Pace, Same, Server, run};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// A server whose answer to its request number `n` takes `delay(n)` and has the status `status(n)`.
async fn server(delay: fn(u64) -> Duration, status: fn(u64) -> u16) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("there is a free port");
    let address = listener.local_addr().expect("it is bound");
    let count = Arc::new(AtomicU64::new(0));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("somebody connects");
            let count = Arc::clone(&count);
            let service = service_fn(move |_: Request<Incoming>| {
                let number = count.fetch_add(1, Ordering::Relaxed);
                async move {
                    tokio::time::sleep(delay(number)).await;
                    let answer = Response::builder().status(status(number));
                    Ok::<_, Infallible>(
                        answer
                            .body(Full::new(Bytes::from("12345")))
                            .expect("it is an answer"),
                    )
                }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    address
}

fn load(pace: Pace, millis: u64) -> Load {
    Load {
        pace,
        warm_up: Duration::ZERO,
        lasts: Duration::from_millis(millis),
    }
}

fn scripts(count: usize) -> Vec<Same> {
    vec![Same::post("/", "123"); count]
}

#[tokio::test]
async fn a_closed_loop_sends_when_it_has_its_answer_and_times_each() {
    let address = server(|_| Duration::from_millis(20), |_| 200).await;
    let row = run("slow", &Server::of(address), &load(Pace::Closed, 400), scripts(4))
        .await
        .unwrap();
    assert!((4..=80).contains(&row.requests), "{row:?}");
    assert!(
        row.latency_us_p50 >= 20_000.0 && row.latency_us_max >= row.latency_us_p50,
        "{row:?}"
    );
    assert_eq!(
        (row.bytes_sent, row.bytes_received),
        (row.requests * 3, row.requests * 5)
    );
    assert_eq!((row.failed, row.unsent), (0, 0));
}

#[tokio::test]
async fn an_open_loop_counts_what_a_stall_costs_those_who_were_due_meanwhile() {
    let stall = |number| {
        if number == 10 {
            Duration::from_millis(500)
        } else {
            Duration::ZERO
        }
    };
    let address = server(stall, |_| 200).await;
    let open = load(Pace::Open { per_second: 200.0 }, 1000);
    let row = run("stalls", &Server::of(address), &open, scripts(1))
        .await
        .unwrap();
    // The last may be due just as the time ends.
    assert!(row.failed == 0 && row.unsent <= 1, "{row:?}");
    assert_eq!(row.requests + row.unsent, 200, "{row:?}");
    // One connection stood for half of the time: what was due meanwhile waited 250 ms in the mean.
    assert!(row.latency_us_p90 >= 200_000.0, "{row:?}");
    assert!(row.latency_us_max >= 500_000.0, "{row:?}");
}

#[tokio::test]
async fn refusals_are_failures_with_their_reason_and_no_latencies() {
    let address = server(
        |_| Duration::from_millis(1),
        |number| if number % 2 == 0 { 200 } else { 503 },
    )
    .await;
    let row = run("half", &Server::of(address), &load(Pace::Closed, 200), scripts(1))
        .await
        .unwrap();
    assert!(
        row.failed > 0 && row.failed.abs_diff(row.requests) <= 1,
        "{row:?}"
    );
    assert!(row.first_failure.unwrap().contains("503"));
    let address = server(|_| Duration::ZERO, |_| 503).await;
    let none = run("none", &Server::of(address), &load(Pace::Closed, 100), scripts(1)).await;
    assert!(matches!(none, Err(BenchError::AllFailed { .. })));
}

#[tokio::test]
async fn only_http_addresses_are_taken() {
    for url in [
        "127.0.0.1:80",
        "https://127.0.0.1:80",
        "http://127.0.0.1",
        "http://no.such.host.invalid:80",
    ] {
        assert!(matches!(Server::at(url, None), Err(BenchError::Url(_))), "{url}");
    }
    assert_eq!(
        Server::at("http://127.0.0.1:80/", None).unwrap().address(),
        "127.0.0.1:80".parse().unwrap()
    );
}
