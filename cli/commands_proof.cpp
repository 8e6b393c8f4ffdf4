// `proof`: who signed what, and the evidence as files that openssl verifies without us.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "cli/commands.h"
#include "cli/words.h"
#include "daemon/core/files.h"
#include "protocol/legal_time.h"
#include "protocol/sm.h"

namespace taxgate::cli {
namespace {

using api::v1::SignatureInfo;
using api::v1::SignatureList;

/// "01-apply". A purpose comes out of the evidence: only a known one becomes part of a file's name.
std::string file_stem(int number, const SignatureInfo& s) {
  constexpr std::string_view kKnown[] = {"apply", "upload", "confirm", "deny", "revoke", "table"};
  const bool known = std::ranges::find(kKnown, s.purpose()) != std::end(kKnown);
  return fmt::format("{:02}-{}", number, known ? s.purpose() : "unreadable");
}

std::string pem(std::string_view der) {
  constexpr std::size_t kColumns = 64;  // RFC 7468
  const std::string text = base64(as_bytes(der));
  std::string out = "-----BEGIN CERTIFICATE-----\n";
  for (std::size_t at = 0; at < text.size(); at += kColumns) out += text.substr(at, kColumns) + "\n";
  return out + "-----END CERTIFICATE-----\n";
}

/// Where pieces of a certificate begin in its DER, for `openssl asn1parse -strparse`: it looks at no name, so that a
/// text that is not what it says (a bureau's GBK in a UTF8String) does not stand in the way, as it does for `x509`.
struct Places {
  std::size_t signed_part = 0, key = 0, signature = 0;
};

/// errors  corrupt cert.parse
Result<Places> places_in(std::string_view der) {
  struct Piece {
    std::size_t content = 0, end = 0;
  };
  const auto piece = [der](std::size_t at) -> std::optional<Piece> {
    if (at + 2 > der.size()) return std::nullopt;
    const auto byte = [der](std::size_t i) { return static_cast<unsigned char>(der[i]); };
    std::size_t length = byte(at + 1), content = at + 2;
    if (length >= 0x80) {
      const std::size_t octets = length & 0x7FU;
      if (octets < 1 || octets > 2 || content + octets > der.size()) return std::nullopt;
      length = 0;
      for (std::size_t i = 0; i < octets; ++i) length = length << 8U | byte(content + i);
      content += octets;
    }
    if (length > der.size() - content) return std::nullopt;
    return Piece{content, content + length};
  };
  const auto whole = piece(0);
  const auto body = whole ? piece(whole->content) : std::nullopt;
  if (!body) return fail(Errc::corrupt, "cert.parse");
  Places out{.signed_part = whole->content, .key = body->content, .signature = 0};
  constexpr char kVersion = '\xA0';
  const int before_key = der[out.key] == kVersion ? 6 : 5;  // version, serial, algorithm, issuer, validity, subject
  for (int i = 0; i < before_key; ++i) {
    const auto next = piece(out.key);
    if (!next || next->end >= body->end) return fail(Errc::corrupt, "cert.parse");
    out.key = next->end;
  }
  const auto algorithm = piece(body->end);
  if (!algorithm || !piece(algorithm->end)) return fail(Errc::corrupt, "cert.parse");
  out.signature = algorithm->end;
  return out;
}

/// openssl's way to say the signer id; in hexadecimal where a shell might read more than letters and digits.
std::string distid(const std::string& signer_id) {
  const bool plain = std::ranges::all_of(
      signer_id, [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); });
  return plain ? "distid:" + signer_id : "hexdistid:" + hex(as_bytes(signer_id));
}

bool all_verify(const SignatureList& list) {
  return std::ranges::all_of(list.signatures(), [](const SignatureInfo& s) { return s.verified(); });
}

std::string summary(const Screen& screen, const SignatureList& list) {
  const auto bad = std::ranges::count_if(list.signatures(), [](const SignatureInfo& s) { return !s.verified(); });
  const int all = list.signatures_size();
  if (all == 0) return screen.pick("nothing is signed yet", "尚无签名");
  if (bad == 0)
    return screen.chinese() ? fmt::format("{} 个签名,全部验证通过", all)
                            : fmt::format("{} signature{}, verified", all, all == 1 ? "" : "s");
  return screen.chinese() ? fmt::format("{} 个签名,其中 {} 个验证不通过", all, bad)
                          : fmt::format("{} signature{}, {} NOT VERIFIED", all, all == 1 ? "" : "s", bad);
}

std::string page(const Screen& screen, const SignatureList& list) {
  std::string out = fmt::format("{}  {}\n", list.submission(), summary(screen, list));
  int number = 0;
  for (const auto& s : list.signatures()) {
    Grid grid;
    const auto add = [&](std::string_view english, std::string_view chinese, std::string value) {
      if (!value.empty()) grid.add({screen.pick(english, chinese), std::move(value)});
    };
    add("signed", "签署时间", short_time(s.signed_at()));
    add("taxpayer", "纳税人", s.taxpayer());
    add("certificate", "证书主体", s.certificate_subject());
    add("its serial", "证书序列号", s.certificate_serial());
    add("valid", "证书有效期",
        s.certificate_from().empty() ? ""
                                     : short_time(s.certificate_from()) + " – " + short_time(s.certificate_until()));
    add("key", "介质", s.key_serial());
    add("request", "请求", s.request());
    add("SM3", "SM3", s.sm3());
    add("length", "字节数", std::to_string(s.length()));
    add("journal row", "日志行", std::to_string(s.seq()));
    add("verified", "验证",
        s.verified() ? screen.pick("yes", "通过")
                     : fmt::format("{} {}: {}", screen.pick("NO.", "不通过。"), s.problem().code(),
                                   screen.pick(s.problem().message(), s.problem().message_zh())));
    out += fmt::format("\n{}  {}\n{}", file_stem(++number, s), purpose_word(screen, s.purpose()), grid.text({}, "  "));
  }
  if (number == 0) return out;
  Grid scope;
  scope.add({screen.pick("checked", "已核对"),
             screen.pick("each signature with its certificate's key; the SM3 chain of the commits that hold this "
                         "submission's journal rows, and what those rows vouch for",
                         "每个签名(用其证书的公钥);本提交各日志行所在批次的 SM3 链及其担保的内容")});
  scope.add({screen.pick("not checked", "未核对"),
             screen.pick("the rest of the journal, the key host's log (taxgate sync audit), who issued the certificate",
                         "其余日志、介质服务日志(taxgate sync audit)、证书的签发机构")});
  return out + "\n" + scope.text();
}

/// Both languages, then the commands. Lines that begin with "openssl" can be run as they stand.
std::string proof_text(Screen screen, const SignatureList& list) {
  std::string out;
  for (const auto language : {Language::english, Language::chinese}) {
    screen.language = language;
    out += channel_line(screen, list.channel()) + page(screen, list) + "\n";
  }
  out +=
      "Verify without Taxgate: in this directory, with OpenSSL 3. Each signature must say \"Verified OK\"; the first "
      "command shows the SM3 above. The number after -strparse is where the public key begins in the certificate.\n"
      "不依赖 Taxgate 的验证:在本目录用 OpenSSL 3 执行,每个签名应显示 \"Verified OK\";第一条命令显示上述 "
      "SM3。-strparse 后的数字是公钥在证书中的位置。\n\n";
  std::string issuers, unread;
  int number = 0;
  for (const auto& s : list.signatures()) {
    const std::string stem = file_stem(++number, s);
    // Where it is no certificate openssl says so itself.
    const Places places = places_in(s.certificate()).value_or(Places{});
    out += fmt::format(
        "openssl dgst -sm3 {0}.envelope\n"
        "openssl asn1parse -in {0}.certificate.pem -strparse {2} -noout -out {0}.key.der\n"
        "openssl dgst -sm3 -verify {0}.key.der -keyform DER -sigopt {1} -signature {0}.signature.der {0}.envelope\n",
        stem, distid(s.signer_id()), places.key);
    const auto at = LegalTime::parse(s.signed_at());
    const std::string id = distid(std::string(kDefaultSignerId));
    issuers += fmt::format("  openssl verify -vfyopt {} -attime {} -CAfile CA.pem {}.certificate.pem\n", id,
                           at ? at->ms / 1000 : 0, stem);
    unread += fmt::format(
        "    openssl asn1parse -in {0}.certificate.pem -strparse {2} -noout -out {0}.signed-part.der\n"
        "    openssl asn1parse -in {0}.certificate.pem -strparse {3} -noout -out {0}.issuer-signature.der\n"
        "    openssl x509 -in CA.pem -pubkey -noout -out CA.key.pem\n"
        "    openssl dgst -sm3 -verify CA.key.pem -sigopt {1} -signature {0}.issuer-signature.der "
        "{0}.signed-part.der\n",
        stem, id, places.signed_part, places.signature);
  }
  out +=
      "\nThis proves that the certificate's key signed the envelope. That the certificate is the taxpayer's is the "
      "word of "
      "its issuer: take the CA's own certificate (CA.pem) from the CA and check it as of the time of signing.\n"
      "以上证明签名信封由该证书的密钥签署。证书确属该纳税人,由其签发机构证明:请向 CA "
      "机构取得其证书(CA.pem),按签署时间核对。\n\n";
  if (!unread.empty())
    issuers +=
        "\nA certificate whose names are not the UTF-8 they say is refused by openssl verify; its issuer's signature "
        "is "
        "checked so:\n"
        "名称编码不符 UTF-8 的证书,openssl verify 会拒绝读取;其签发机构的签名可这样核对:\n\n" +
        unread;
  return printable(out + issuers);
}

Result<void> write_proof(const std::string& directory, const Screen& screen, const SignatureList& list) {
  if (auto made = make_private_directory(directory); !made) return made;
  int number = 0;
  for (const auto& s : list.signatures()) {
    Signature signature{};
    if (s.signature().size() != signature.size())
      return fail(Errc::corrupt, "cli.bad_answer", {}, std::to_string(s.signature().size()));
    std::ranges::copy(as_bytes(s.signature()), signature.begin());
    const std::string path = directory + "/" + file_stem(++number, s);
    const Bytes der = sm2_signature_to_der(signature);
    for (const auto& [name, bytes] : {std::pair<std::string, std::string>{".envelope", s.envelope()},
                                      {".signature.der", std::string(as_text(der))},
                                      {".certificate.pem", pem(s.certificate())}})
      if (auto written = write_file_atomic(path + name, bytes); !written) return written;
  }
  // Last: a directory without it is not whole.
  return write_file_atomic(directory + "/proof.txt", proof_text(screen, list));
}

}  // namespace

Exit run_proof(Session& session) {
  const auto& given = session.given();
  const auto& screen = session.screen();
  const std::string directory = given.value("--to");
  std::error_code ec;
  if (!directory.empty() && std::filesystem::exists(directory, ec) && !std::filesystem::is_empty(directory, ec))
    return session.report(failed({Errc::invalid_input, "cli.directory_used", "--to", directory, {}, {}}));

  const auto list =
      session.get_whole<SignatureList>("/v1/submissions/" + encoded(given.positionals[0]) + "/signatures");
  if (!list) return session.report(list.error());
  if (!directory.empty() && list->signatures_size() > 0)
    if (auto written = write_proof(directory, screen, *list); !written) return session.report(failed(written.error()));

  SignatureList shown = *list;
  if (!screen.names) mask(shown);
  if (!session.json(shown)) {
    if (directory.empty() || shown.signatures_size() == 0 || !all_verify(shown))
      session.answer(page(screen, shown));
    else
      session.answer(fmt::format("{}  {} → {}\n", shown.submission(), summary(screen, shown), directory));
  }
  return shown.signatures_size() > 0 && all_verify(shown) ? Exit::ok : Exit::attention;
}

}  // namespace taxgate::cli
