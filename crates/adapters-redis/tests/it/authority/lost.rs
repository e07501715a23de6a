//! Answers that are lost: what was asked for happened as a whole or not at all, and may be asked for again.

use std::sync::Arc;

use countersign_conformance::change::{set_gate, set_workspace};
use countersign_conformance::scene::{AWAY, HOME, Scene};
use countersign_ports::{LogQuery, RetryClass};

use crate::support::{Site, ports};
use crate::way::Way;

#[test]
fn a_change_whose_answer_is_lost_may_be_made_again() {
    Site::lend(async |site: Arc<Site>| {
        let scene = Scene::home(&ports(&site.open().await)).await;
        let way = Way::to_the_server().await;
        let over_there = ports(&way.open(&site).await);
        let changes = [
            set_workspace(HOME.workspace, false).into(),
            set_gate(HOME.workspace, None, false).into(),
        ];
        let log = LogQuery {
            workspace_id: None,
            before: None,
            limit: 1000,
        };
        // Once before, so that the server knows the script and its answer is the one that is lost.
        over_there.authority.apply(&changes).await.unwrap();
        let before = scene.ports.authority.log(&log).await.unwrap().len();

        way.lose_the_next_answer();
        let error = over_there.authority.apply(&changes).await.unwrap_err();
        assert_eq!(error.retry(), RetryClass::ReadBack, "{error}");
        let after = scene.ports.authority.log(&log).await.unwrap().len();
        assert_eq!(after, before + 2, "all of it was made");

        over_there.authority.apply(&changes).await.unwrap();
        let facts = scene.look_up(&HOME.query()).await.facts().clone();
        assert!(!facts.workspace.unwrap().active && !facts.workspace_gate.open);
    });
}

#[test]
fn a_look_up_whose_answer_is_lost_may_be_tried_later() {
    Site::lend(async |site: Arc<Site>| {
        Scene::home(&ports(&site.open().await)).await;
        let way = Way::to_the_server().await;
        let over_there = ports(&way.open(&site).await);
        over_there.authority.look_up(&[HOME.query()]).await.unwrap();
        way.lose_the_next_answer();
        let error = over_there
            .authority
            .look_up(&[HOME.query()])
            .await
            .unwrap_err();
        assert_eq!(error.retry(), RetryClass::Later, "{error}");
        let scene = Scene::bare(&over_there);
        assert!(
            scene
                .look_up(&HOME.query())
                .await
                .facts()
                .workspace
                .is_some()
        );
    });
}

#[test]
fn scripts_that_the_server_forgot_are_sent_again() {
    Site::lend(async |site: Arc<Site>| {
        Scene::home(&ports(&site.open().await)).await;
        let way = Way::to_the_server().await;
        let scene = Scene::bare(&ports(&way.open(&site).await));
        way.forget_scripts();
        for n in 0..3 {
            let raised = scene
                .apply(&[set_workspace(HOME.workspace, n == 1)])
                .await
                .raised;
            let queries = [HOME.query(), AWAY.query()];
            let answers = scene.look_up_all(&queries).await;
            assert_eq!(answers[0].fence().scopes[..], raised[..]);
        }
    });
}
