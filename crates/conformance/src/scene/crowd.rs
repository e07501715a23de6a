//! The same part played by many at once.

use std::future::Future;

use tokio::task::JoinSet;

use super::Scene;

impl Scene {
    /// Plays a part `times` times at once, every other time in another process. Answers in the order
    /// in which they ended.
    ///
    /// # Panics
    /// When one of them does.
    pub async fn crowd<T, Played>(
        &self,
        times: usize,
        part: impl Fn(usize, Self) -> Played,
    ) -> Vec<T>
    where
        T: Send + 'static,
        Played: Future<Output = T> + Send + 'static,
    {
        let elsewhere = self.elsewhere().await;
        let mut tasks = JoinSet::new();
        for n in 0..times {
            let scene = if n % 2 == 0 { self } else { &elsewhere };
            tasks.spawn(part(n, scene.clone()));
        }
        tasks.join_all().await
    }
}
