//! What the market asks for a GPU-hour, and what the operator lists.

use std::time::Duration;

use wattsplit::economics::{HostingConfig, Terms, split};
use wattsplit::http::Http;
use wattsplit::reading::{
    Batch, GpuPriceSample, MarketPrice, Missing, Platform, Quality, Read, Reading, Sample,
};
use wattsplit::site::{Site, SiteView};
use wattsplit::sources::gpu::rent::{ListingConfig, RentConfig, RentSource};
use wattsplit::sources::hosting::{MarketConfig, market_source, runpod, vast};
use wattsplit::sources::{Failure, Source};
use wattsplit::units::UsdPerHour;

use crate::fake_http::{FakeHttp, Reply, failure, moment};
use crate::split::market;

const GPU: &str = "H100 SXM";
/// Per GPU: 1.90, 2.10, 2.50, and one of another model.
const OFFERS: &str = r#"{"offers":[
    {"gpu_name":"H100 SXM","num_gpus":1,"dph_total":1.9,"min_bid":0.9},
    {"gpu_name":"RTX 5090","num_gpus":1,"dph_total":0.4},
    {"gpu_name":"H100 SXM","num_gpus":"8","dph_total":"20.0"},
    {"gpu_name":"H100 SXM","num_gpus":2,"dph_total":4.2}]}"#;
const GPU_TYPES: &str = r#"{"data":{"gpuTypes":[
    {"id":"NVIDIA H100 80GB HBM3","displayName":"H100 SXM","securePrice":2.99,"communityPrice":"2.69"},
    {"id":"NVIDIA B200","displayName":"B200","securePrice":5.99,"communityPrice":0}]}}"#;

fn asking(platform: Platform, server: &FakeHttp) -> Box<dyn Source> {
    let config = MarketConfig {
        hosting: "spot".into(),
        platform,
        gpu: GPU.into(),
        base: Some(server.url.clone()),
        token_file: None,
        interval: Duration::from_secs(1800),
    };
    market_source(&config, &Http::new().unwrap()).unwrap()
}

fn asked(outcome: Result<Vec<Sample>, Failure>) -> Read<MarketPrice> {
    match outcome.unwrap().as_slice() {
        [Sample::Market(sample)] => sample.price,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn vast_gives_the_median_per_gpu_of_the_offers_with_that_model_as_an_estimate() {
    let server = FakeHttp::always(Reply::Ok(OFFERS.into())).await;
    let price = asked(asking(Platform::Vast, &server).fetch(moment(0)).await).unwrap();
    assert_eq!((price.value.usd_per_gpu_h.get(), price.value.offers), (2.1, Some(3)));
    assert_eq!((price.quality, price.source), (Quality::Estimated, "vast, median of offers"));
    let [request] = &server.seen()[..] else { panic!("one request") };
    assert_eq!(request.line, "POST /api/v0/bundles/");
    let question: serde_json::Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!((&question["gpu_name"]["eq"], &question["limit"]), (&GPU.into(), &64.into()));
}

#[tokio::test]
async fn vast_is_asked_again_after_its_three_seconds_when_that_was_too_soon() {
    let busy = r#"{"detail":"API requests too frequent endpoint threshold=3.0"}"#;
    let server = FakeHttp::always(Reply::Ok(busy.into())).await;
    let failure = failure(&mut *asking(Platform::Vast, &server)).await;
    assert_eq!((failure.reason, failure.retry_after), (Missing::RemoteError, Some(Duration::from_secs(5))));
}

#[tokio::test]
async fn runpod_gives_the_price_on_machines_of_hosts_and_else_that_of_data_centres() {
    let server = FakeHttp::always(Reply::Ok(GPU_TYPES.into())).await;
    let price = asked(asking(Platform::Runpod, &server).fetch(moment(0)).await).unwrap();
    assert_eq!((price.value.usd_per_gpu_h.get(), price.value.offers), (2.69, None));
    assert_eq!(price.source, "runpod, community price");
    let (price, source) = runpod::gpu_type(GPU_TYPES.as_bytes(), "NVIDIA B200").unwrap();
    assert_eq!((price.usd_per_gpu_h.get(), source), (5.99, "runpod, secure price"));
}

#[test]
fn a_market_without_such_a_gpu_has_no_price_and_not_zero() {
    assert_eq!(vast::offers(OFFERS.as_bytes(), "H200").unwrap_err().reason, Missing::NotReported);
    assert_eq!(vast::offers(br#"{"offers":[]}"#, GPU).unwrap_err().reason, Missing::NotReported);
    assert_eq!(vast::offers(b"<html>", GPU).unwrap_err().reason, Missing::Garbage);
    let free = OFFERS.replace("1.9,", "0,").replace("\"20.0\"", "0").replace("4.2", "-1");
    assert_eq!(vast::offers(free.as_bytes(), GPU).unwrap_err().reason, Missing::NotReported);
    let cents = OFFERS.replace("4.2", "420000").replace("1.9,", "190000,").replace("20.0", "2000000");
    assert_eq!(vast::offers(cents.as_bytes(), GPU).unwrap_err().reason, Missing::Implausible);
    assert_eq!(runpod::gpu_type(GPU_TYPES.as_bytes(), "H200").unwrap_err().reason, Missing::NotReported);
}

// ---- what the operator lists --------------------------------------------------------------------

fn listing(listing: ListingConfig) -> RentSource {
    let config = RentConfig { hosting: "spot".into(), interval: Duration::from_secs(300), listing };
    RentSource::new(&config, Http::new().unwrap()).unwrap()
}

async fn listed(source: &mut RentSource) -> Result<f64, Missing> {
    match source.fetch(moment(0)).await {
        Ok(samples) => match samples.as_slice() {
            [Sample::GpuPrice(sample)] => sample.usd_per_gpu_h.map(|price| price.value.get()),
            other => panic!("{other:?}"),
        },
        Err(failure) => Err(failure.reason),
    }
}

#[tokio::test]
async fn a_price_is_read_from_a_page_also_where_it_is_written_as_a_string() {
    let server = FakeHttp::start(|request| match request.header("authorization") {
        Some("Bearer hunter2") => Reply::Ok(r#"{"machines":[{"listed_gpu_cost":"0.45"}],"x":-1}"#.into()),
        _ => Reply::Status(403, vec![], ""),
    })
    .await;
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, "hunter2").unwrap();
    let page = |pointer: &str, token_file| {
        listing(ListingConfig::Page { url: server.url.clone(), pointer: pointer.into(), token_file })
    };
    assert_eq!(listed(&mut page("/machines/0/listed_gpu_cost", Some(token.clone()))).await, Ok(0.45));
    assert_eq!(
        listed(&mut page("/machines/1/listed_gpu_cost", Some(token.clone()))).await,
        Err(Missing::NotReported)
    );
    assert_eq!(listed(&mut page("/x", Some(token))).await, Err(Missing::Implausible));
    assert_eq!(listed(&mut page("/x", None)).await, Err(Missing::Denied));
}

#[tokio::test]
async fn a_price_is_read_from_a_file_that_holds_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("price");
    let mut source = listing(ListingConfig::File(path.clone()));
    assert_eq!(listed(&mut source).await, Err(Missing::NotReported));
    for (text, price) in [
        (" 0.45\n", Ok(0.45)),
        ("2", Ok(2.0)),
        ("0.45 USD", Err(Missing::Garbage)),
        ("", Err(Missing::Garbage)),
        ("inf", Err(Missing::Garbage)),
        ("-1", Err(Missing::Implausible)),
    ] {
        std::fs::write(&path, text).unwrap();
        assert_eq!(listed(&mut source).await, price, "{text:?}");
    }
}

/// Revenue of 32 rented GPUs, 20 % of which the platform keeps, at `moment(secs)`.
fn revenue(secs: u64, price: Option<Result<f64, Missing>>) -> Result<(f64, Quality), Missing> {
    let mut site = Site::default();
    if let Some(price) = price {
        let usd_per_gpu_h = price.map(|usd| Reading::measured(UsdPerHour::new(usd).unwrap(), "price page"));
        let interval = Duration::from_secs(300);
        let sample = Sample::GpuPrice(GpuPriceSample { hosting: "spot".into(), interval, usd_per_gpu_h });
        site.apply(Batch { at: moment(0), samples: vec![sample] });
    }
    let place = "url = \"http://127.0.0.1\"\nkey = \"/x\"";
    let mut terms = market::terms();
    terms.hostings = vec![HostingConfig {
        usd_per_gpu_h: None,
        price: Some(toml::from_str(place).unwrap()),
        ..market::hosting("spot", Terms::Occupied)
    }];
    let hall = market::gpus("spot", 64, 80.0, 32);
    let view =
        SiteView { ai_blocks: vec![hall], hostings: site.view(moment(secs)).hostings, ..market::market() };
    let split = split(&view, &terms);
    split.blocks[0].money.revenue.map(|revenue| ((revenue.value.get() * 1e9).round() / 1e9, revenue.quality))
}

#[test]
fn rented_gpus_earn_the_listed_price_and_a_stale_one_is_labelled() {
    assert_eq!(revenue(0, Some(Ok(0.5))), Ok((12.8, Quality::Measured)));
    assert_eq!(revenue(901, Some(Ok(0.5))), Ok((12.8, Quality::Stale)));
    assert_eq!(revenue(86_401, Some(Ok(0.5))), Err(Missing::Expired));
    assert_eq!(revenue(0, Some(Err(Missing::Denied))), Err(Missing::Denied));
    assert_eq!(revenue(0, None), Err(Missing::NotYet));
}
