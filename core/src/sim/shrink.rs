//! Making a story short. A run is its steps, and a run of fewer steps is a run: chunks of them are left
//! out as long as the same invariant breaks (Zeller's delta debugging), then edits ask for less.

use super::{
    Broken, Failure, Step,
    hooks::Hooks,
    world::{Setting, World},
};

/// Steps that shortening may take, all its runs together: about half a minute. What is left is told as
/// it is.
const STEPS_MAX: usize = 50_000;

struct Shrinking<'a, 's> {
    setting: &'a Setting,
    hooks: &'a mut Hooks<'s>,
    invariant: String,
    taken: usize,
}

impl Shrinking<'_, '_> {
    /// Whether these steps break the same invariant: at which of them, and what is found.
    fn breaks(&mut self, steps: &[Step]) -> Option<(usize, Broken)> {
        // The calm phase costs as much as some steps.
        self.taken = self.taken.saturating_add(steps.len()).saturating_add(20);
        if self.taken > STEPS_MAX {
            return None;
        }
        let (at, broken) = replay(self.setting, self.hooks, steps)?;
        (broken.invariant == self.invariant).then_some((at, broken))
    }

    /// Leaves chunks out, large ones first.
    fn leave_out(&mut self, mut steps: Vec<Step>) -> Vec<Step> {
        let mut chunk = steps.len().div_ceil(2);
        while chunk > 0 {
            let mut from = 0;
            let mut shorter = false;
            while from < steps.len() {
                let until = from.saturating_add(chunk).min(steps.len());
                let (head, rest) = steps.split_at(from);
                let tail = rest.get(until.saturating_sub(from)..).unwrap_or_default();
                let fewer = [head, tail].concat();
                match self.breaks(&fewer) {
                    Some(_) => (steps, shorter) = (fewer, true),
                    None => from = until,
                }
            }
            if !shorter || chunk > 1 {
                chunk /= 2;
            }
        }
        steps
    }

    /// Lets edits ask for less, and messages come once.
    fn ask_less(&mut self, mut steps: Vec<Step>) -> Vec<Step> {
        let mut at = 0;
        while at < steps.len() {
            let smaller = match steps.get(at) {
                Some(Step::Edit { device, action }) => {
                    let asks = action.ask.smaller().into_iter();
                    let edit = |ask| {
                        let mut action = action.clone();
                        action.ask = ask;
                        Step::Edit {
                            device: *device,
                            action,
                        }
                    };
                    asks.map(edit).collect()
                }
                Some(Step::Deliver { mail, again: true }) => vec![Step::Deliver {
                    mail: *mail,
                    again: false,
                }],
                _ => Vec::new(),
            };
            let found = smaller.into_iter().find_map(|step| {
                let mut tried = steps.clone();
                *tried.get_mut(at)? = step;
                self.breaks(&tried).map(|_| tried)
            });
            match found {
                Some(less) => steps = less,
                None => at = at.saturating_add(1),
            }
        }
        steps
    }
}

/// Runs these steps; what breaks, and at which of them.
fn replay(setting: &Setting, hooks: &mut Hooks<'_>, steps: &[Step]) -> Option<(usize, Broken)> {
    let mut world = match World::new(setting, hooks) {
        Ok(world) => world,
        Err(broken) => return Some((0, broken)),
    };
    for (number, step) in steps.iter().enumerate() {
        if let Err(broken) = world.perform(number, step) {
            return Some((number, broken));
        }
    }
    world.calm_down().err().map(|broken| (steps.len(), broken))
}

/// The shortest story that is found of what a run broke.
pub(super) fn shrink(
    setting: &Setting,
    hooks: &mut Hooks<'_>,
    all: Vec<Step>,
    broken: Broken,
) -> Failure {
    let steps_before = all.len();
    let mut shrinking = Shrinking {
        setting,
        hooks,
        invariant: broken.invariant.clone(),
        taken: 0,
    };
    let steps = match setting.shorten {
        true => {
            let fewer = shrinking.leave_out(all);
            shrinking.ask_less(fewer)
        }
        false => all,
    };
    let (step, broken) = replay(setting, shrinking.hooks, &steps).unwrap_or((steps.len(), broken));
    let steps: Vec<Step> = steps.into_iter().take(step.saturating_add(1)).collect();
    Failure {
        seed: setting.seed,
        step,
        story: tell(setting, shrinking.hooks, &steps, &broken, step),
        broken,
        steps,
        steps_before,
    }
}

/// A line for each step, one for the calm phase if it came to that, and what is found.
fn tell(
    setting: &Setting,
    hooks: &mut Hooks<'_>,
    steps: &[Step],
    broken: &Broken,
    at: usize,
) -> Vec<String> {
    let Ok(mut world) = World::new(setting, hooks) else {
        return vec![broken.found.clone()];
    };
    let mut story = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let told = step.tell(|device| world.name(device));
        story.push(told);
        world.perform(number, step).ok();
    }
    if at >= steps.len() {
        story.push("all faults stop, and everybody gets everything".to_owned());
    }
    story.push(format!("then: {}", broken.found));
    story
}
