// The kept inputs of one fuzz target as an ordinary test: what once broke a parser, and real exchanges, on every run
// and without libFuzzer. Usage: corpus_<target> DIRECTORY
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size);

namespace {

std::filesystem::path corpus;  // NOLINT(cert-err58-cpp): set once in main

TEST(Corpus, EveryKeptInputIsTakenWithoutHarm) {
  int inputs = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(corpus)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(in), {});
    SCOPED_TRACE(entry.path().filename().string());
    // Also each beginning of it: truncation is the commonest damage.
    for (std::size_t size = 0; size <= bytes.size();
         size = size < 64 || size == bytes.size() ? size + 1 : std::min(size * 2, bytes.size()))
      EXPECT_EQ(LLVMFuzzerTestOneInput(reinterpret_cast<const unsigned char*>(bytes.data()), size), 0);
    ++inputs;
  }
  EXPECT_GT(inputs, 0) << corpus << " is empty";
  std::printf("%d inputs\n", inputs);
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc != 2) {
    std::fprintf(stderr, "usage: corpus_<target> DIRECTORY\n");
    return 2;
  }
  corpus = argv[1];
  return RUN_ALL_TESTS();
}
