"""Whether the structs that examples/python/renkei.py and examples/node/renkei.mjs describe by hand are those of renkei.h.

    RENKEI_LIBRARY=librenkei.so PYTHONPATH=examples/python python3 tests/capi/structs.py include/renkei.h examples/node/renkei.mjs
"""

import ctypes
import re
import sys
from pathlib import Path

import renkei

POINTER, SIZES = ctypes.sizeof(ctypes.c_void_p), {"int32": 4, "uint32": 4, "int64": 8, "uint64": 8, "char": 1}


def size(kind):
    """The size of a type of C or koffi, such as uint32_t, "const char *", a function type, or char[1024]."""
    array = re.fullmatch(r"(.*)\[(\d+)\]", kind)
    if array:
        return size(array[1]) * int(array[2])
    kind = kind.removesuffix("_t")
    return POINTER if kind == "size" or "*" in kind or kind.endswith("_fn") else SIZES[kind]


def of_header(text):
    """The structs of renkei.h: name, and name and size of each member."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    for members, name in re.findall(r"typedef struct \{(.*?)\} (renkei_\w+);", text, re.S):
        found = re.findall(r"([\w\s]+?[\s*])(\w+)(\[\d+\])?;", members)
        yield name, [(member, size(kind.strip() + array)) for kind, member, array in found]


def of_node(text):
    for name, members in re.findall(r"koffi\.struct\('(\w+)', \{(.*?)\}\)", text, re.S):
        members = re.sub(r"koffi\.pointer\(\w+\)", "'void *'", members)
        members = re.sub(r"koffi\.array\('(\w+)', (\d+)\)", r"'\1[\2]'", members)
        yield name, [(member, size(kind)) for member, kind in re.findall(r"(\w+): '([^']+)'", members)]


def of_python():
    for struct in vars(renkei).values():
        if isinstance(struct, type) and issubclass(struct, ctypes.Structure) and hasattr(struct, "_fields_"):
            name = "renkei_" + re.sub(r"(?<!^)([A-Z])", r"_\1", struct.__name__).lower()
            yield name, [(member.lstrip("_"), ctypes.sizeof(kind)) for member, kind in struct._fields_]


header, node = (Path(path).read_text("utf-8") for path in sys.argv[1:])
declared = dict(of_header(header))
described = list(of_python()) + list(of_node(node))
assert len(declared) > 15 and len(described) > 15, (len(declared), len(described))
for name, members in described:
    assert declared.get(name) == members, f"{name} is\n{declared.get(name)}\nin renkei.h, and not\n{members}"
print(f"{len(described)} structs are as they are declared")
