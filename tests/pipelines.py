"""Small random diffusers pipelines of every family, built from configs, in folders as `save_pretrained` writes them."""

import json

import torch

LETTERS = [chr(code) for code in range(33, 127)]


def clip_tokenizer():
    from transformers import CLIPTokenizer

    words = ["<|startoftext|>", "<|endoftext|>", *LETTERS, *(f"{letter}</w>" for letter in LETTERS)]
    return CLIPTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[], model_max_length=77)


def clip_text(kind="CLIPTextModel", width=16):
    import transformers

    return getattr(transformers, kind)(
        transformers.CLIPTextConfig(
            vocab_size=190, hidden_size=width, intermediate_size=16, num_attention_heads=2, num_hidden_layers=2,
            bos_token_id=0, eos_token_id=1, pad_token_id=1, projection_dim=width,
        )
    )  # fmt: skip


def t5():
    """A T5 encoder and its tokenizer."""
    from transformers import T5Config, T5EncoderModel, T5Tokenizer

    pieces = ["<pad>", "</s>", "<unk>", "▁", *LETTERS]
    tokenizer = T5Tokenizer(vocab=[(piece, -float(i > 2)) for i, piece in enumerate(pieces)], extra_ids=0)
    config = T5Config(vocab_size=len(tokenizer), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    return T5EncoderModel(config), tokenizer


def vae(levels=2, **more):
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * levels, up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=(8,) * levels, norm_num_groups=2, latent_channels=4, **more,
    )  # fmt: skip


def tiny_vae():
    from diffusers import AutoencoderTiny

    return AutoencoderTiny(
        encoder_block_out_channels=(8, 8, 8), decoder_block_out_channels=(8, 8, 8),
        num_encoder_blocks=(1, 1, 1), num_decoder_blocks=(1, 1, 1),
    )  # fmt: skip


def unet(**more):
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        block_out_channels=(8, 16), layers_per_block=1, attention_head_dim=4, norm_num_groups=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), **{"cross_attention_dim": 16, **more},
    )  # fmt: skip


def stable_diffusion(scheduler, decoder):
    from diffusers import StableDiffusionPipeline

    return StableDiffusionPipeline(
        vae=decoder, text_encoder=clip_text(), tokenizer=clip_tokenizer(), unet=unet(), scheduler=scheduler,
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


def mini():
    """A pipeline of the bundled generator's make."""
    from diffusers import DDIMScheduler

    settings = {
        "prediction_type": "sample",
        "timestep_spacing": "trailing",
        "clip_sample": False,
        "steps_offset": 1,
    }
    return stable_diffusion(DDIMScheduler(**settings), tiny_vae())


def turbo():
    from diffusers import EulerDiscreteScheduler

    return stable_diffusion(EulerDiscreteScheduler(timestep_spacing="trailing", steps_offset=1), vae())


def sdxl():
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline

    network = unet(
        cross_attention_dim=32, addition_embed_type="text_time", addition_time_embed_dim=4,
        projection_class_embeddings_input_dim=16 + 6 * 4, sample_size=8,
    )  # fmt: skip
    return StableDiffusionXLPipeline(
        vae=vae(), unet=network, scheduler=EulerDiscreteScheduler(steps_offset=1),
        text_encoder=clip_text(), text_encoder_2=clip_text("CLIPTextModelWithProjection"),
        tokenizer=clip_tokenizer(), tokenizer_2=clip_tokenizer(), add_watermarker=False,
    )  # fmt: skip


def pixart():
    from diffusers import DPMSolverMultistepScheduler, PixArtAlphaPipeline, PixArtTransformer2DModel

    text_encoder, tokenizer = t5()
    network = PixArtTransformer2DModel(
        num_attention_heads=2, attention_head_dim=8, in_channels=4, out_channels=8, num_layers=2, sample_size=8,
        cross_attention_dim=16, caption_channels=16, use_additional_conditions=False,
    )  # fmt: skip
    return PixArtAlphaPipeline(tokenizer, text_encoder, vae(), network, DPMSolverMultistepScheduler())


def flux():
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel

    text_encoder_2, tokenizer_2 = t5()
    network = FluxTransformer2DModel(
        in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=8, num_attention_heads=2,
        joint_attention_dim=16, pooled_projection_dim=16, axes_dims_rope=(2, 2, 4),
    )  # fmt: skip
    return FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), transformer=network, text_encoder=clip_text(),
        tokenizer=clip_tokenizer(), text_encoder_2=text_encoder_2, tokenizer_2=tokenizer_2,
        vae=vae(shift_factor=0.1, use_quant_conv=False, use_post_quant_conv=False),
    )  # fmt: skip


def save(build, folder):
    """Write the pipeline that `build` makes into a folder, and give the folder's name."""
    torch.manual_seed(0)
    build().save_pretrained(folder)
    return str(folder)


def save_dmd(folder):
    """Write a transformer and a scheduler alone, of the class that was published, as PixArt-Alpha-DMD is."""
    from diffusers import DDPMScheduler

    torch.manual_seed(1)
    pixart().transformer.save_pretrained(folder / "transformer")
    DDPMScheduler(clip_sample=False).save_pretrained(folder / "scheduler")
    config = folder / "transformer" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"_class_name": "Transformer2DModel"}))
    return str(folder)


def save_unet(build, file):
    """Write a UNet of other weights alone into one file, as Hyper-SD's is."""
    from safetensors.torch import save_file

    torch.manual_seed(1)
    file.parent.mkdir()
    save_file(build().unet.state_dict(), file)
