//! Lists of pools: pages.

use wattsplit::reading::Sample;

use super::account::keyed_account;
use super::field;
use crate::fake_http::{FakeHttp, Reply, Request, moment};

/// AntPool with one worker on each of so many pages.
fn pages(request: &Request, pages: u32) -> Reply {
    let (page, rows) = match request.line.contains("workers.htm") {
        true => {
            (field(&request.body, "page"), format!(r#"{{"worker":"w{}"}}"#, field(&request.body, "page")))
        }
        false => ("1".to_owned(), String::new()),
    };
    Reply::Ok(format!(r#"{{"code":0,"data":{{"rows":[{rows}],"page":{page},"totalPage":{pages}}}}}"#))
}

#[tokio::test]
async fn a_list_is_read_page_after_page_to_its_last_and_one_without_an_end_is_given_up() {
    for (all, listed, asked) in [(4, 4, 4), (1_000, 0, 201)] {
        let server = FakeHttp::start(move |request| pages(request, all)).await;
        let (mut account, _dir) = keyed_account("antpool", &server.url, "user = \"ridge\"");
        let (mut secs, mut workers) = (0, 0);
        while !account.whole() {
            let samples = account.fetch(moment(secs)).await.unwrap();
            if let [Sample::Pool(sample)] = samples.as_slice() {
                workers = sample.report.as_ref().unwrap().workers.len();
            }
            secs += 2;
        }
        assert_eq!(workers, listed);
        let sent: Vec<String> = server
            .seen()
            .iter()
            .filter(|request| request.line.contains("workers.htm"))
            .map(|request| field(&request.body, "page"))
            .collect();
        assert_eq!(sent, (1..=asked).map(|page: u32| page.to_string()).collect::<Vec<_>>());
    }
}
