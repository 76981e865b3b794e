"""ACE-Step's sampling loops, written out from their formulas and nothing else.

They call the networks directly: no ComfyUI sampler, guider, mask or wrapper, and none of the pack's code.
"""

import math

import torch


def v15_levels(steps: int, shift: float = 3.0) -> list[float]:
    """1 … 0, shifted."""
    times = [1 - i / steps for i in range(steps + 1)]
    return [shift * t / (1 + (shift - 1) * t) for t in times]


def v1_levels(steps: int) -> list[float]:
    """The shift of 3 applied to levels that were already shifted once: 1 … 0.0089, then 0."""
    first = [1 + (0.002994 - 1) * i / (steps - 1) for i in range(steps)]
    return [3 * s / (1 + 2 * s) for s in first] + [0.0]


class Guide:
    """Adaptive projected guidance with a running average; ``dims`` as upstream's for the family."""

    def __init__(self, dims):
        self.dims, self.average = dims, None

    def __call__(self, cond, uncond, scale):
        difference = cond - uncond
        self.average = difference if self.average is None else difference - 0.75 * self.average
        clipped = self.average
        length = clipped.square().sum(self.dims, keepdim=True).sqrt()
        clipped = clipped * torch.minimum(torch.ones_like(length), 2.5 / length)
        along = (clipped * cond).sum(self.dims, keepdim=True) / cond.square().sum(self.dims, keepdim=True) * cond
        return cond + (scale - 1) * (clipped - along)


def corrected(x, predicted, t, low, high):
    """Differential correction in the bands of the Haar transform, taken there and back; an odd end is paired with 0."""
    frames = x.shape[-1]
    bands = []
    for each in (x, predicted):
        even = torch.cat([each, each.new_zeros(*each.shape[:-1], frames % 2)], -1)
        first, second = even[..., 0::2], even[..., 1::2]
        bands.append(((first + second) / math.sqrt(2), (first - second) / math.sqrt(2)))
    (low_x, high_x), (low_y, high_y) = bands
    low_x = low_x + t * low * (low_x - low_y)
    high_x = high_x + (1 - t) * high * (high_x - high_y)
    back = torch.stack([(low_x + high_x) / math.sqrt(2), (low_x - high_x) / math.sqrt(2)], -1)
    return back.flatten(-2)[..., :frames]


class V15:
    """1.5's network asked for velocities, with the source and mask of an edit in its context."""

    def __init__(self, model, conditioning, silence, shown, mask):
        self.network = model.model.diffusion_model
        cross, extra = conditioning[0]
        reference = silence[..., :750].movedim(1, 2)
        self.embedding, _ = self.network.encoder(
            cross, None, extra["conditioning_lyrics"], None, reference, torch.arange(1)
        )
        self.context = torch.cat([shown, mask.expand_as(shown)], 1).movedim(1, 2)

    def velocity(self, x, t, blank=False):
        time = torch.tensor([t])
        embedding = self.embedding
        if blank:
            embedding = self.network.null_condition_emb.expand_as(embedding).clone()
        out = self.network.decoder(
            hidden_states=x.movedim(1, 2),
            timestep=time,
            timestep_r=time,
            attention_mask=None,
            encoder_hidden_states=embedding,
            encoder_attention_mask=None,
            context_latents=self.context,
        )
        return out.movedim(1, 2)


def v15_repaint(net, source, inside, noise, steps, scale=1.0, ratio=1.0, begin=0, correction=(0.0, 0.0)):
    """Pure noise in, the surroundings put back to the noised source for the first ``ratio`` of the steps."""
    levels, guide = v15_levels(steps), Guide((-1,))
    x = levels[begin] * noise + (1 - levels[begin]) * source
    for k in range(begin, steps):
        t, following = levels[k], levels[k + 1]
        v = net.velocity(x, t)
        if scale != 1.0:
            v = guide(v, net.velocity(x, t, blank=True), scale)
        x = corrected(x + (following - t) * v, x - t * v, t, *correction)
        if k < round(ratio * steps):
            x = torch.where(inside, x, following * noise + (1 - following) * source)
    return x


def v15_song(net_of_step, noise, steps, scale=1.0):
    """Pure noise in; ``net_of_step(k)`` predicts step k."""
    levels, guide = v15_levels(steps), Guide((-1,))
    x = noise
    for k in range(steps):
        net, t, following = net_of_step(k), levels[k], levels[k + 1]
        v = net.velocity(x, t)
        if scale != 1.0:
            v = guide(v, net.velocity(x, t, blank=True), scale)
        x = x + (following - t) * v
    return x


def quantised(tokenizer, frames):
    """Each pooled value to the nearest of its levels between -1 and 1, after a soft and a hard limit."""
    pooled = tokenizer.attention_pooler(tokenizer.audio_acoustic_proj(frames.unflatten(1, (-1, 5))))
    values, found = tokenizer.quantizer.project_in(pooled), []
    for value, levels in zip(values.unbind(-1), (8, 8, 8, 5, 5, 5)):
        most = levels / (levels - 1)
        limited = (most * torch.tanh(value / most)).clamp(-1, 1)
        index = torch.floor((limited + 1) / 2 * (levels - 1) + 0.5)
        found.append(index * 2 / (levels - 1) - 1)
    return tokenizer.quantizer.project_out(torch.stack(found, -1))


def v15_tokenised(network, latents, silence):
    """What is left of latents [1, 64, T] in codes of five frames, the last one filled up with silence."""
    frames = latents.shape[-1]
    filled = torch.cat([latents, silence[..., : -frames % 5]], -1)
    codes = quantised(network.tokenizer, filled.movedim(1, 2))
    return network.detokenizer(codes).movedim(1, 2)[..., :frames]


def noise_of(seed, shape):
    """What a seed stands for."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


class V1:
    """v1's network asked for velocities."""

    def __init__(self, model, conditioning):
        self.network = model.model.diffusion_model
        cross, extra = conditioning[0]
        self.cross, self.lyrics = cross, extra["conditioning_lyrics"]

    def velocity(self, x, t, blank=False):
        return self.network(
            x,
            torch.tensor([t * 1000.0]),
            context=torch.zeros_like(self.cross) if blank else self.cross,
            lyric_token_idx=torch.zeros_like(self.lyrics) if blank else self.lyrics,
            speaker_embeds=torch.zeros(1, 512),
        )


def v1_repaint(net, source, inside, noise_a, noise_b, steps, scale, variance):
    """Upstream's repaint; ``variance`` is both the mix of the two noises and where the schedule is entered."""
    levels, guide = v1_levels(steps), Guide((-1, -2))
    mixed = math.cos(variance * math.pi / 2) * noise_a + math.sin(variance * math.pi / 2) * noise_b
    noise = torch.where(inside, mixed, noise_a)
    begin = int(steps * (1 - variance))
    x = (1 - levels[begin]) * source + levels[begin] * noise
    for i in range(begin, steps):
        t, following = levels[i], levels[i + 1]
        v = net.velocity(x, t)
        if int(0.25 * steps) <= i < int(0.75 * steps):
            v = guide(v, net.velocity(x, t, blank=True), scale)
        x = x + (following - t) * v
        x = torch.where(inside, x, (1 - following) * source + following * noise)
    return x


def v1_song(net, noise, steps, scale):
    """Upstream's text to music: as above without a source, and with omega 10 on every step."""
    levels, guide = v1_levels(steps), Guide((-1, -2))
    omega = 0.9 + 0.2 / (1 + math.exp(-0.1 * 10))
    x = noise
    for i in range(steps):
        t, following = levels[i], levels[i + 1]
        v = net.velocity(x, t)
        if int(0.25 * steps) <= i < int(0.75 * steps):
            v = guide(v, net.velocity(x, t, blank=True), scale)
        step = (following - t) * v
        x = x + (step - step.mean()) * omega + step.mean()
    return x
