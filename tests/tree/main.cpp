// tree_checks: gtest by default; two modes for ./run and for people.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string_view>

#include "tests/tree/promises.h"
#include "tests/tree/states_page.h"

int main(int argc, char** argv) {
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "--states") {
    fmt::print("{}", taxgate::tree::states_page());
    return 0;
  }
  if (mode == "--promises-ran") {
    if (argc != 3) {
      fmt::print(stderr, "usage: tree_checks --promises-ran DIRECTORY-OF-GTEST-XML\n");
      return 2;
    }
    return taxgate::tree::check_promises_ran(argv[2]);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
