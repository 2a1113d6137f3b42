"""The paper: votes read as a conversation by a multimodal language model; its losses, its prints."""
