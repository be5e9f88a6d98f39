"""SGD and its family: sampler, schedules and update rules, as the papers have them."""

import math

import numpy as np

WORD = 2**64 - 1


def splitmix(seed):
    """Four words of state from one (Vigna 2015)."""
    state = []
    for _ in range(4):
        seed = (seed + 0x9E3779B97F4A7C15) & WORD
        z = seed
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & WORD
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & WORD
        state.append(z ^ (z >> 31))
    return state


def rotated(x, k):
    return ((x << k) | (x >> (64 - k))) & WORD


class Xoshiro:
    """xoshiro256** (Blackman & Vigna 2021)."""

    def __init__(self, seed):
        self.s = splitmix(seed)

    def next(self):
        s = self.s
        result = (rotated((s[1] * 5) & WORD, 7) * 9) & WORD
        t = (s[1] << 17) & WORD
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotated(s[3], 45)
        return result

    def below(self, n):
        """Uniform on 0 ... n - 1 (Lemire 2019)."""
        while True:
            product = (self.next() >> 32) * n
            if product % 2**32 >= 2**32 % n:
                return product >> 32


def batches(sampler, samples, batch, seed, epochs):
    """The numbers of the samples of each batch, epoch by epoch."""
    random = Xoshiro(seed)
    order = list(range(samples))
    for _ in range(epochs):
        if sampler == "shuffled":  # Fisher & Yates
            for i in range(samples - 1, 0, -1):
                j = random.below(i + 1)
                order[i], order[j] = order[j], order[i]
        parts = [order[at : at + batch] for at in range(0, samples, batch)]
        if sampler == "drawn":
            parts = [[random.below(samples) for _ in part] for part in parts]
        yield [np.array(part) for part in parts]


def rate(schedule, t, alpha, *, decay=1.0, every=1.0, least=0.0):
    """The learning rate at the time t, in epochs."""
    if schedule == "step":
        return alpha * decay ** math.floor(t / every)
    if schedule == "inverse":
        return alpha / (1 + decay * t)
    if schedule == "exponential":
        return alpha * decay**t
    if schedule == "cosine":
        share = min(t / every, 1)
        return least + (alpha - least) * 0.5 * (1 + math.cos(math.pi * share))
    return alpha


class Rule:
    """One update rule, with its state."""

    def __init__(self, name, n, *, mass=0.9, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
        self.name, self.mass, self.betas, self.eps = name, mass, betas, eps
        self.decay = decay
        self.v, self.s, self.t = np.zeros(n), np.zeros(n), 0

    def step(self, w, g, alpha):
        """The next w, by the gradient of a batch."""
        name, (b1, b2), eps = self.name, self.betas, self.eps
        self.t += 1
        if name != "adamw":
            g = g + self.decay * w
        if name in ("sgd", "svrg"):
            return w - alpha * g
        if name == "momentum":
            self.v = self.mass * self.v + g
            return w - alpha * self.v
        if name == "nesterov":
            self.v = self.mass * self.v + g
            return w - alpha * (g + self.mass * self.v)
        if name == "adagrad":
            self.s = self.s + g * g
            return w - alpha * (g / (np.sqrt(self.s) + eps))
        if name == "rmsprop":
            self.s = b2 * self.s + (1 - b2) * (g * g)
            return w - alpha * (g / (np.sqrt(self.s) + eps))
        self.v = b1 * self.v + (1 - b1) * g
        self.s = b2 * self.s + (1 - b2) * (g * g)
        unbias = 1 / math.sqrt(1 - b2**self.t)
        shrink = 1 - alpha * self.decay if name == "adamw" else 1.0
        length = alpha / (1 - b1**self.t)
        return shrink * w - length * (self.v / (np.sqrt(self.s) * unbias + eps))


def run(
    fun,
    w,
    samples,
    rule,
    *,
    seed,
    batch,
    epochs,
    alpha,
    sampler="shuffled",
    schedule="constant",
    warmup=0.0,
    clip=math.inf,
    average_from=None,
    **constants,
):
    """Every w of a run, and the mean of those that are averaged."""
    named = {k: constants.pop(k) for k in ("decay", "every", "least") if k in constants}
    state = Rule(rule, len(w), **constants)
    seen, mean, count = [], np.zeros(len(w)), 0
    for epoch, parts in enumerate(batches(sampler, samples, batch, seed, epochs)):
        position, anchor = 0, w
        full = fun(w, np.arange(samples))[1] if rule == "svrg" else None
        for part in parts:
            t = epoch + position / samples
            length = rate(schedule, t, alpha, **named)
            if warmup:
                length *= min(1, (t + batch / samples) / warmup)
            g = fun(w, part)[1]
            if rule == "svrg":
                g = (g - fun(anchor, part)[1]) + full
            norm = math.sqrt(g @ g)
            factor = clip / norm if norm > clip else 1.0
            w = state.step(w, factor * g, length)
            position += len(part)
            seen.append(w)
            if average_from is not None and epoch >= average_from:
                count += 1
                mean = mean + (w - mean) / count
    return seen, mean
