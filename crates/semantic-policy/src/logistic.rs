//! A logistic regression, by Newton's method.

use nalgebra::{Cholesky, DMatrix, DVector};

/// What keeps coefficients small while there is little to learn from.
const RIDGE: f64 = 2.0;
/// Steps of the method; it has converged long before.
const STEPS: usize = 12;

/// An example: features, whether it came true, and how much it counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Example<'a> {
    pub(crate) features: &'a [f64],
    pub(crate) is_true: bool,
    pub(crate) weight: f64,
}

/// A fitted regression.
#[derive(Debug, Clone)]
pub(crate) struct Logistic {
    means: Vec<f64>,
    deviations: Vec<f64>,
    /// The first is the constant.
    coefficients: DVector<f64>,
}

impl Logistic {
    /// Fits it to examples that all have as many features. None if there are none, or the numbers are not finite.
    pub(crate) fn fit(examples: &[Example<'_>]) -> Option<Self> {
        let width = examples.first()?.features.len();
        let count = examples.len() as f64;
        let column =
            |at: usize| examples.iter().map(move |example| example.features.get(at).copied().unwrap_or(0.0));
        let means: Vec<f64> = (0..width).map(|at| column(at).sum::<f64>() / count).collect();
        let deviation = |(at, mean): (usize, &f64)| {
            (column(at).map(|x| (x - mean) * (x - mean)).sum::<f64>() / count).sqrt() + 1e-6
        };
        let deviations: Vec<f64> = means.iter().enumerate().map(deviation).collect();
        let mut fitted = Self { means, deviations, coefficients: DVector::zeros(width + 1) };
        let rows: Vec<DVector<f64>> =
            examples.iter().map(|example| fitted.standardised(example.features)).collect();
        for _ in 0..STEPS {
            let mut slope = &fitted.coefficients * RIDGE;
            let mut curvature = DMatrix::identity(width + 1, width + 1) * RIDGE;
            if let (Some(slope), Some(constant)) = (slope.get_mut(0), fitted.coefficients.get(0)) {
                // The constant is free.
                *slope -= constant * RIDGE;
            }
            for (row, example) in rows.iter().zip(examples) {
                let chance = sigmoid(fitted.coefficients.dot(row));
                slope.axpy(example.weight * (chance - f64::from(u8::from(example.is_true))), row, 1.0);
                curvature.ger(example.weight * chance * (1.0 - chance), row, row, 1.0);
            }
            fitted.coefficients -= Cholesky::new(curvature)?.solve(&slope);
        }
        fitted.coefficients.iter().all(|number| number.is_finite()).then_some(fitted)
    }

    /// How likely something with these features is true.
    pub(crate) fn chance(&self, features: &[f64]) -> f64 {
        sigmoid(self.coefficients.dot(&self.standardised(features)))
    }

    fn standardised(&self, features: &[f64]) -> DVector<f64> {
        let scaled =
            features.iter().zip(&self.means).zip(&self.deviations).map(|((x, mean), by)| (x - mean) / by);
        DVector::from_iterator(self.means.len() + 1, std::iter::once(1.0).chain(scaled))
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x.clamp(-50.0, 50.0)).exp())
}
