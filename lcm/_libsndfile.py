"""fairseq2 needs libsndfile at import; where the system has none, the one inside the soundfile wheel serves."""

import ctypes
import ctypes.util
import importlib.util
from pathlib import Path


def preload() -> str | None:
    """Load soundfile's own libsndfile if the system has none; the path loaded, or None. Costs under a millisecond."""
    for name in ("libsndfile.so.1", "libsndfile.1.dylib"):
        try:
            ctypes.CDLL(name)
            return None
        except OSError:
            pass
    spec = importlib.util.find_spec("_soundfile_data")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for library in sorted(Path(folder).glob("libsndfile*")):
            try:
                ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
                return str(library)
            except OSError:
                continue
    return None
