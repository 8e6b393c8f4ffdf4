// Vendors' SKF libraries: their files, looked at and never loaded (this may be root), and what the key host met in
// them.
#include "cli/doctor/finding.h"
#include "daemon/core/library_file.h"

namespace taxgate::doctor {

void check_skf_libraries(const Scene& scene, Findings& out) {
  if (!scene.keyd) return;
  bool told = false;
  for (const auto& library : scene.keyd->skf_libraries)
    if (const auto file = check_library_file(library); !file) {
      out.push_back({Severity::failing, file.error()});
      told = true;
    }
  if (told || !scene.keys) return;
  // A library that was refused, and a device behind one that nobody could identify, have a reader's name and no serial.
  for (const auto& key : scene.keys->keys())
    if (key.reader().starts_with("SKF ") && key.serial().empty() && !key.trouble().empty())
      out.push_back(
          {Severity::failing, {Errc::rejected, "doctor.skf_key", key.reader(), key.trouble(), key.trouble_zh(), {}}});
}

}  // namespace taxgate::doctor
