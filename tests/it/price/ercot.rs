//! ERCOT's login, and what becomes of its token.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wattsplit::reading::{Missing, PriceKind};

use super::markets::{SECRET, login, market};
use super::{at, slots_of};
use crate::fake_http::{FakeHttp, Reply, failure, moment};

/// Every login gives another token: `token-0`, `token-1`… Only those that `takes` takes get data.
async fn serve(takes: impl Fn(&str) -> bool + Send + Sync + 'static) -> FakeHttp {
    let logins = Arc::new(AtomicUsize::new(0));
    FakeHttp::start(move |request| {
        if login(request).is_some() {
            let token = logins.fetch_add(1, Ordering::Relaxed);
            return Reply::Ok(format!(r#"{{"id_token":"token-{token}"}}"#));
        }
        let token = request.header("authorization").unwrap().strip_prefix("Bearer ").unwrap();
        match takes(token) {
            true => Reply::Ok(market("ercot day-ahead").fixture.into()),
            false => Reply::Status(401, vec![], "the token is hunter2"),
        }
    })
    .await
}

fn logins(server: &FakeHttp) -> usize {
    server.lines().iter().filter(|line| *line == "POST /token").count()
}

#[tokio::test]
async fn user_and_password_buy_a_token_that_is_used_for_fifty_minutes() {
    let server = serve(|_| true).await;
    let mut source = market("ercot day-ahead").source(&server.url);
    for (secs, expected) in [(0, 1), (600, 1), (2999, 1), (3000, 2)] {
        source.fetch(moment(secs)).await.unwrap();
        assert_eq!(logins(&server), expected, "{secs}");
    }
    let form = &server.seen()[0];
    assert_eq!(form.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(
        form.body,
        "grant_type=password&username=ops%40example.org&password=hunter2\
         &scope=openid+fec253ea-0d06-4272-a5e6-b478baeecd70+offline_access\
         &client_id=fec253ea-0d06-4272-a5e6-b478baeecd70&response_type=id_token"
    );
}

#[tokio::test]
async fn a_token_that_is_refused_before_its_time_is_had_anew_and_once() {
    let server = serve(|token| token != "token-0").await;
    let mut source = market("ercot day-ahead").source(&server.url);
    // A fresh token that is refused says that the account may not.
    assert_eq!(failure(&mut *source).await.reason, Missing::Denied);
    assert_eq!(logins(&server), 1);
    source.fetch(moment(900)).await.unwrap();
    assert_eq!(logins(&server), 2);

    let revoked = Arc::new(AtomicUsize::new(0));
    let now = revoked.clone();
    let server = serve(move |token| token != format!("token-{}", now.load(Ordering::Relaxed))).await;
    revoked.store(9, Ordering::Relaxed);
    let mut source = market("ercot day-ahead").source(&server.url);
    source.fetch(moment(0)).await.unwrap();
    revoked.store(0, Ordering::Relaxed);
    source.fetch(moment(60)).await.unwrap();
    assert_eq!((logins(&server), server.lines().len()), (2, 5), "login, data, refusal, login, data");
}

#[tokio::test]
async fn a_login_that_fails_says_why_and_shows_no_password() {
    for (reply, why) in [
        (
            Reply::Status(400, vec![], r#"{"error":"access_denied","error_description":"hunter2"}"#),
            Missing::Denied,
        ),
        (Reply::Status(401, vec![], "hunter2"), Missing::Denied),
        (Reply::Status(503, vec![], "hunter2"), Missing::RemoteError),
        (Reply::Ok("<html>hunter2".into()), Missing::Garbage),
        (Reply::Ok(r#"{"access_token":"hunter2"}"#.into()), Missing::Garbage),
    ] {
        let server = FakeHttp::always(reply).await;
        let failure = failure(&mut *market("ercot day-ahead").source(&server.url)).await;
        assert_eq!(failure.reason, why, "{}", failure.detail);
        assert!(!failure.detail.contains(SECRET), "{}", failure.detail);
        assert_eq!(server.lines(), ["POST /token"], "no question without a token");
    }
}

#[tokio::test]
async fn the_newest_real_time_price_stands_in_for_half_an_hour() {
    let server = super::markets::answering(Reply::Ok(market("ercot real-time").fixture.into())).await;
    let slots = slots_of(market("ercot real-time").source(&server.url).fetch(moment(0)).await).unwrap();
    let last = slots.last().unwrap();
    let settled = slots.iter().filter(|slot| slot.kind == Some(PriceKind::Settled)).count();
    assert_eq!((settled, slots.len(), last.kind), (2, 3, Some(PriceKind::Indicative)));
    assert_eq!((last.start, last.end), (at("2026-09-21T14:00:00Z"), at("2026-09-21T14:30:00Z")));
    assert_eq!(last.price.get(), 28.11);
}
