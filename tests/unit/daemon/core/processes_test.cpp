// What is told about other processes, asked about this one.
#include "daemon/core/processes.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace taxgate::proc {
namespace {

constexpr std::size_t kPage = 4096;

TEST(UsersOfALibrary, RunItsCodeAndAreNotThoseWhoOnlyReadTheFile) {
  std::string directory = testing::TempDir() + "/mappedXXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const int file = ::open((directory + "/libtaxgate-mapped.so.1").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  ASSERT_EQ(::ftruncate(file, kPage), 0);
  const auto listed = [] {
    return std::ranges::any_of(users_of_library("libtaxgate-mapped.so"),
                               [](const Process& one) { return one.pid == ::getpid(); });
  };
  void* mapped = ::mmap(nullptr, kPage, PROT_READ, MAP_PRIVATE, file, 0);
  ASSERT_NE(mapped, MAP_FAILED);
  EXPECT_FALSE(listed());
  ASSERT_EQ(::mprotect(mapped, kPage, PROT_READ | PROT_EXEC), 0);
  EXPECT_TRUE(listed());
  ::munmap(mapped, kPage);
  ::close(file);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace taxgate::proc
