"""What is said of sound that is handed in or read from a file."""

SENTENCES = {
    # -- an AUDIO input
    "audio_empty": "{node}: {field} is empty; connect a node that gives sound (a video without a sound track gives "
    "none).",
    "no_audio": "{node}: {field} is {kind}, not AUDIO with a waveform and a sample_rate; connect an AUDIO output.",
    "audio_shape": "{node}: {field} has a waveform of shape {shape}; it must be [batch, channels, samples].",
    "audio_without_samples": "{node}: {field} holds no samples (shape {shape}); give it at least some sound.",
    "audio_channels": "{node}: {field} has {channels} channels; 1 (mono) or 2 (stereo) are allowed: mix it down first.",
    "audio_type": "{node}: {field} has samples of type {type}; they must be floating point between -1 and 1.",
    "no_sample_rate": "{node}: {field} has the sample_rate {rate}; it must be a whole number of Hz.",
    "sample_rate_out_of_range": "{node}: {field} has the sample_rate {rate} Hz; {least} to {most} Hz is allowed.",
    "audio_not_numbers": "{node}: {field} has a sample that is not a number at {at} s (NaN or infinite); repair the "
    "node that made it.",
    "audio_batch": "{node}: {field} is a batch of {count} sounds; it must be one, so set batch_size to 1 on the node "
    "that makes them, or take one out of the batch.",
    "no_resampler": "Nothing can change a sample rate here: this ComfyUI has no resampler of its own and torchaudio "
    "cannot be loaded ({error}). Update ComfyUI, or install the torchaudio that fits its PyTorch.",
    # -- a file whose waveform is to be drawn
    "file_empty": "it is empty.",
    "file_without_track": "it has no sound track.",
    "file_without_sample": "it holds no sound.",
    "file_unread": "it is not sound that can be read.",
    "file_unread_for": "it is not sound that can be read ({error}).",
    # -- a file that was delivered; each is the end of a sentence: "the file is …"
    "unknown_format": "neither MP3, FLAC, WAV, Ogg, AAC, MP4 nor WebM",
    "without_sound": "a file without any sound in it",
    "broken_file": "a broken {format} file",
    "several_tracks": "a file with {count} sound tracks instead of one",
    "unknown_codec": "a file with sound of the kind {codec}, which is not decoded",
    "many_channels": "a file with {channels} channels; at most {most} can be used",
    "unusable_rate": "a file at {rate} Hz, which is no usable sample rate",
    "changing_kind": "a file whose sample rate or channels change on the way",
    "too_long": "longer than {most} s, the most that is taken of {rate} Hz {kind}",
    "kind_mono": "mono",
    "kind_stereo": "stereo",
    "kind_channels": "{channels} channels",
    "file_not_numbers": "a file with samples that are not numbers (NaN or infinite)",
    "cut_off": "cut off after {there} s of {announced} s",
}
