//! Visits: one step after the other; a page, and what it holds.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Method;
use sim_core::{Rng, Time};
use url::Url;

use super::BrowseConfig;
use super::fetch::{Ask, Browser, Got, Tally, keep_own, key, pause};
use super::rows::PageRow;
use crate::aio;
use crate::app::Scope;
use crate::app::dial::fault::{FINISHED, RUNNING, STATUS};
use crate::app::dial::{Dialer, Fault, Names, lock};
use crate::app::teller::{Said, Teller};
use crate::host::{App, FlowConfig, Outcome};
use crate::service::web::held;

/// Names that a browser keeps, as Chromium.
const NAMES_MAX: u64 = 1000;

/// The browser of a flow.
pub(super) fn open(config: BrowseConfig, scope: Scope) -> Box<dyn App> {
    Box::new(Teller::new(move |flow: &FlowConfig, said| {
        let (think, draws) = (scope.stream("think"), scope.stream("steps"));
        let main = browse(config, scope.clone(), flow.number, said, (think, draws));
        scope.program("browser", main)
    }))
}

async fn browse(config: BrowseConfig, scope: Scope, flow: u32, said: Said, (mut think, mut draws): (Rng, Rng)) {
    let alpn: &[&str] = if config.http2 { &["h2", "http/1.1"] } else { &["http/1.1"] };
    let entries = if config.dns_cache > sim_core::Span::ZERO { NAMES_MAX } else { 0 };
    let dialer = Dialer {
        nodelay: true,
        tls: Some(config.tls.connector(scope.streams(), alpn)),
        names: Some(Arc::new(Names::new(scope.resolver(), entries, config.dns_cache))),
    };
    let browser = Arc::new(Browser::new(config, flow, said.clone(), dialer));
    let config = &browser.config;
    let (mut page, mut failed) = (0, None);
    'visits: for visit in 1..=config.visits {
        for (number, step) in (1..).zip(&config.steps) {
            if page > 0 {
                pause(config.think.draw(&mut think)).await;
            }
            if config.stop.is_some_and(|stop| aio::now() >= stop) {
                break 'visits;
            }
            page += 1;
            // It was checked as it was read, with other numbers.
            let Some(url) = step.url(visit, &mut draws) else { continue };
            let ask = Ask { method: step.method.clone(), url, fields: step.fields.clone(), body: step.body.clone() };
            failed = failed.or(browser.page(ask, (page, visit, number)).await.err());
        }
    }
    browser.close();
    said.outcome(failed.map_or(Outcome::Finished, Fault::outcome));
}

/// A page's row, which is told when it is dropped: also by the stop.
struct Writing {
    row: PageRow,
    tally: Arc<Mutex<Tally>>,
    said: Said,
}

impl Drop for Writing {
    fn drop(&mut self) {
        let (row, tally) = (&mut self.row, lock(&self.tally));
        (row.requests, row.cached, row.revalidated) = (tally.requests, tally.cached, tally.revalidated);
        (row.redirects, row.failed, row.bytes) = (tally.redirects, tally.failed, tally.bytes);
        self.said.row(row.clone());
    }
}

impl Browser {
    /// A step as a whole.
    async fn page(self: &Arc<Browser>, ask: Ask, place: (u64, u64, u64)) -> Result<(), Fault> {
        let start = aio::now();
        let tally = Arc::new(Mutex::new(Tally { page: place.0, ..Tally::default() }));
        let row = page_row(self.flow, place, start, &ask.url);
        let mut writing = Writing { row, tally: tally.clone(), said: self.said.clone() };
        let (fields, start_url) = (ask.fields.clone(), ask.url.clone());
        let got = self.fetch(ask, &tally).await;
        writing.row.document = Some(aio::now() - start);
        writing.row.status = got.as_ref().ok().map(|got| u64::from(got.status.as_u16()));
        writing.row.outcome = match &got {
            Ok(got) if got.status.as_u16() < 400 => FINISHED,
            Ok(_) => STATUS,
            Err(fault) => *fault as u32,
        };
        let got = got?;
        if self.config.resources && got.html && got.status.is_success() {
            let fields = fields.into_iter().filter(|(name, _)| *name != http::header::CONTENT_TYPE).collect::<Vec<_>>();
            let tasks: Vec<_> = resources(&got)
                .into_iter()
                .map(|url| {
                    let mut fields = fields.clone();
                    keep_own(&mut fields, &start_url, &url);
                    let ask = Ask { method: Method::GET, url, fields, body: Bytes::new() };
                    let (browser, tally) = (self.clone(), tally.clone());
                    aio::spawn(async move { browser.fetch(ask, &tally).await.err() })
                })
                .collect();
            for task in tasks {
                let _told_in_its_row = task.await;
            }
        }
        writing.row.total = Some(aio::now() - start);
        Ok(())
    }
}

/// What a page holds, each once, in the order of the text.
fn resources(page: &Got) -> Vec<Url> {
    let mut found: Vec<Url> = Vec::new();
    for reference in held(&page.body) {
        if let Ok(url) = page.url.join(&reference)
            && matches!(url.scheme(), "http" | "https")
            && !found.contains(&url)
        {
            found.push(url);
        }
    }
    found
}

fn page_row(flow: u32, (page, visit, step): (u64, u64, u64), start: Time, url: &Url) -> PageRow {
    PageRow {
        flow,
        workload: flow,
        page,
        visit,
        step,
        start,
        url: key(url).into(),
        document: None,
        total: None,
        requests: 0,
        cached: 0,
        revalidated: 0,
        redirects: 0,
        failed: 0,
        bytes: 0,
        status: None,
        outcome: RUNNING,
    }
}
