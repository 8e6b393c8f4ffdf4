#pragma once
// How a benchmark begins and ends: its options, read strictly, because a word that is passed over would measure
// something else than was asked for; and its exit code, 0 only when everything was compared and found right.
// Header only. Thread: one.
#include <charconv>
#include <functional>

#include "tests/bench/measure.h"

namespace taxgate::bench {

class Program {
 public:
  /// name  "sync"; what  one line for --help
  Program(std::string name, std::string what) : name_(std::move(name)), what_(std::move(what)) {
    flag("--json", json_, "one object a line instead of a table");
  }

  Program& flag(std::string option, bool& into, std::string what) {
    known_.push_back({std::move(option), std::move(what), 0, 0, [&into](long) { into = true; }, false});
    return *this;
  }
  /// The value `into` has now is the one when the option is absent.
  template <class T>
  Program& number(std::string option, T& into, long least, long most, std::string what) {
    what += fmt::format(" ({} to {}, else {})", least, most, into);
    known_.push_back(
        {std::move(option), std::move(what), least, most, [&into](long value) { into = static_cast<T>(value); }, true});
    return *this;
  }

  /// Reads the options and calls measure(json), which throws when something fails or a result is wrong.
  /// returns  the exit code. 0: measured and right, or --help. 1: it failed or a result is wrong; the sentence is on
  ///          standard error, with --json also an object with verified false. 2: an option is wrong, nothing was run.
  int run(int argc, char** argv, const std::function<void(bool json)>& measure) {
    for (int i = 1; i < argc; ++i) {
      const std::string_view word = argv[i];
      if (word == "--help" || word == "-h") return help(stdout), 0;
      const auto option = std::ranges::find(known_, word, &Option::name);
      if (option == known_.end()) return refuse(fmt::format("no option '{}'", word));
      if (!option->takes_number) {
        option->take(1);
        continue;
      }
      const std::string_view text = i + 1 < argc ? argv[++i] : "";
      long value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (text.empty() || error != std::errc() || end != text.data() + text.size() || value < option->least ||
          value > option->most)
        return refuse(
            fmt::format("{} takes a whole number from {} to {}, not '{}'", word, option->least, option->most, text));
      option->take(value);
    }
    try {
      if (!json_) fmt::print("bench {}: commit {}, {}\n", name_, commit(), machine());
      measure(json_);
      return 0;
    } catch (const std::exception& problem) {
      std::string sentence = problem.what();
      fmt::print(stderr, "bench {}: {}\n", name_, sentence);
      for (char& c : sentence)
        if (c == '"' || c == '\\' || static_cast<unsigned char>(c) < ' ') c = ' ';
      if (json_) fmt::print("{{\"bench\":\"{}\",\"verified\":false,\"error\":\"{}\"}}\n", name_, sentence);
      return 1;
    }
  }

 private:
  struct Option {
    std::string name, what;
    long least, most;
    std::function<void(long)> take;
    bool takes_number;
  };

  void help(FILE* to) const {
    fmt::print(to, "bench {}: {}\n", name_, what_);
    for (const auto& o : known_) fmt::print(to, "  {:<24} {}\n", o.name + (o.takes_number ? " N" : ""), o.what);
  }
  int refuse(const std::string& why) const {
    fmt::print(stderr, "bench {}: {}\n", name_, why);
    help(stderr);
    return 2;
  }

  const std::string name_, what_;
  bool json_ = false;
  std::vector<Option> known_;
};

/// An argument this program gives itself when it starts itself again as another process.
inline long own_argument(int argc, char** argv, std::string_view flag, long when_absent) {
  for (int i = 1; i + 1 < argc; ++i)
    if (flag == argv[i]) return std::atol(argv[i + 1]);
  return when_absent;
}

}  // namespace taxgate::bench
