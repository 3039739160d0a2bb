//! Linear maps between embeddings of questions and of answers, learned from the pairs that were seen.

use nalgebra::{Cholesky, DMatrix, DVector};

/// So many pairs count; older ones fade.
const MEMORY: f32 = 20_000.0;
/// What is added to the diagonal, so that few pairs do not make a wild map: from questions to answers, and back. An answer says
/// more of its question than the question of the answer's wording.
const RIDGES: (f32, f32) = (2.0, 0.5);

/// Sums over pairs of question and answer.
#[derive(Debug, Clone)]
pub(crate) struct Moments {
    pairs: f32,
    question_sum: DVector<f32>,
    answer_sum: DVector<f32>,
    questions: DMatrix<f32>,
    answers: DMatrix<f32>,
    /// Question by answer.
    crossed: DMatrix<f32>,
}

/// From questions to what is to be expected of answers, and from answers to what they seem to be asked for.
#[derive(Debug, Clone)]
pub(crate) struct Maps {
    question_mean: DVector<f32>,
    answer_mean: DVector<f32>,
    to_answer: DMatrix<f32>,
    to_question: DMatrix<f32>,
}

impl Moments {
    pub(crate) fn new(dimensions: usize) -> Self {
        let (square, line) = (DMatrix::zeros(dimensions, dimensions), DVector::zeros(dimensions));
        Self {
            pairs: 0.0,
            question_sum: line.clone(),
            answer_sum: line,
            questions: square.clone(),
            answers: square.clone(),
            crossed: square,
        }
    }

    pub(crate) fn add(&mut self, question: &[f32], answer: &[f32]) {
        let (question, answer) = (DVector::from_column_slice(question), DVector::from_column_slice(answer));
        if question.len() != self.question_sum.len() || answer.len() != self.answer_sum.len() {
            return;
        }
        self.pairs += 1.0;
        self.questions.ger(1.0, &question, &question, 1.0);
        self.answers.ger(1.0, &answer, &answer, 1.0);
        self.crossed.ger(1.0, &question, &answer, 1.0);
        self.question_sum += question;
        self.answer_sum += answer;
        if self.pairs > MEMORY {
            self.fade();
        }
    }

    fn fade(&mut self) {
        self.pairs *= 0.5;
        self.question_sum *= 0.5;
        self.answer_sum *= 0.5;
        self.questions *= 0.5;
        self.answers *= 0.5;
        self.crossed *= 0.5;
    }

    /// The maps that fit best; none before there are pairs, or where numbers are not finite.
    pub(crate) fn fit(&self) -> Option<Maps> {
        if self.pairs < 1.0 {
            return None;
        }
        let question_mean = &self.question_sum / self.pairs;
        let answer_mean = &self.answer_sum / self.pairs;
        let mut questions = self.questions.clone();
        questions.ger(-self.pairs, &question_mean, &question_mean, 1.0);
        let mut answers = self.answers.clone();
        answers.ger(-self.pairs, &answer_mean, &answer_mean, 1.0);
        let mut crossed = self.crossed.clone();
        crossed.ger(-self.pairs, &question_mean, &answer_mean, 1.0);
        let to_answer = solve(questions, RIDGES.0, &crossed)?;
        let to_question = solve(answers, RIDGES.1, &crossed.transpose())?;
        // Transposed, so that a vector is multiplied from the left.
        Some(Maps {
            question_mean,
            answer_mean,
            to_answer: to_answer.transpose(),
            to_question: to_question.transpose(),
        })
    }
}

fn solve(mut matrix: DMatrix<f32>, ridge: f32, right: &DMatrix<f32>) -> Option<DMatrix<f32>> {
    let diagonal = matrix.diagonal().add_scalar(ridge);
    matrix.set_diagonal(&diagonal);
    Cholesky::new(matrix).map(|factors| factors.solve(right))
}

impl Maps {
    /// The direction in which the answer to a question is to be expected, seen from the mean of all.
    pub(crate) fn expected_answer(&self, question: &[f32]) -> Vec<f32> {
        direction(&self.to_answer * (DVector::from_column_slice(question) - &self.question_mean))
    }

    /// The direction of the question that an answer seems to be for, seen from the mean of all.
    pub(crate) fn implied_question(&self, answer: &[f32]) -> Vec<f32> {
        direction(&self.to_question * (DVector::from_column_slice(answer) - &self.answer_mean))
    }

    /// The direction of an answer, seen from the mean of all.
    pub(crate) fn centred_answer(&self, answer: &[f32]) -> Vec<f32> {
        direction(DVector::from_column_slice(answer) - &self.answer_mean)
    }
}

fn direction(vector: DVector<f32>) -> Vec<f32> {
    let length = vector.norm().max(1e-9);
    vector.iter().map(|x| x / length).collect()
}
