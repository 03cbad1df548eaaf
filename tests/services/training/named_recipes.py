"""Which base each named recipe is for: its hub name, and the class of its architecture."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Base:
    hub_name: str
    architecture: str

    @property
    def folder_name(self) -> str:
        return self.hub_name.rpartition("/")[2]


BASES = {
    "phi3_mini": Base("microsoft/Phi-3-mini-4k-instruct", "Phi3"),
    "phi3_persona": Base("microsoft/Phi-3-mini-4k-instruct", "Phi3"),
    "mistral_7b": Base("mistralai/Mistral-7B-Instruct-v0.2", "Mistral"),
    "llama3_8b": Base("meta-llama/Meta-Llama-3-8B-Instruct", "Llama"),
    "phi3_128k": Base("microsoft/Phi-3-mini-128k-instruct", "Phi3"),
    "phi2_oasst": Base("microsoft/phi-2", "Phi"),
}
