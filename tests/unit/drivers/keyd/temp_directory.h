#pragma once
// A directory that lives as long as a test.
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace taxgate::keyd {

class TempDirectory {
 public:
  TempDirectory() : path_((std::filesystem::temp_directory_path() / "taxgate-unit-XXXXXX").string()) {
    if (!::mkdtemp(path_.data())) std::abort();
  }
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name), std::ios::trunc) << text;
    std::filesystem::permissions(file(name), std::filesystem::perms(0600));
  }
  std::string read(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(file(name)).rdbuf();
    return text.str();
  }

 private:
  std::string path_;
};

}  // namespace taxgate::keyd
