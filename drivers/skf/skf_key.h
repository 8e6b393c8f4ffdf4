#pragma once
// KeyDevice over a vendor's SKF library. Whoever calls runs foreign code: see library.h.
#include <memory>
#include <string>
#include <vector>

#include "drivers/gmt0017/key_device.h"
#include "drivers/skf/library.h"

namespace taxgate::skf {

/// What names a library's devices among the readers: "SKF libvendor.so". Unlike for no two libraries (keyd's
/// configuration sees to that).
std::string reader_prefix(const std::string& library);
/// "SKF libvendor.so NAME": fit for one line and for UTF-8, whatever bytes the vendor's name has.
std::string reader_name(const std::string& library, const std::string& device);

struct KeyPlace {
  std::string library;                 // absolute path
  std::string reader;                  // reader_name() of the device
  std::string serial;                  // only a device of this serial; empty: any
  std::string application, container;  // empty: the first one there is
};

/// Loads the library and connects to the device.
/// errors  those of Library::load(), devices() and connect(); device_gone key.gone: no such device any more
Result<std::unique_ptr<KeyDevice>> open_key(const KeyPlace& place);

}  // namespace taxgate::skf
