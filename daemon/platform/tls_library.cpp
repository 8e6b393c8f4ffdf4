#include "daemon/platform/tls_library.h"

#include <openssl/conf.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include <array>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>

#include "daemon/platform/gcm_open.h"

namespace taxgate::platform {
namespace {

constexpr const char* kProvider = "taxgate";
constexpr const char* kPreferred = "?provider=taxgate";
constexpr std::size_t kGcmKey = 16, kGcmNonce = 12, kGcmTag = 16;
constexpr std::size_t kMostAbout = 32;  // what a record's tag covers beside its content: 5 bytes in TLS 1.3

const EVP_CIPHER* library_cipher() {
  static EVP_CIPHER* const fetched = ::EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr);
  return fetched;
}

/// One direction of one connection. `inner` is told everything and does everything, except that records of TLS 1.3 are
/// opened here: nonce, then tag, then what the tag covers beside the content, then the content in one piece.
struct RecordCipher {
  RecordCipher() : inner(::EVP_CIPHER_CTX_new(), &::EVP_CIPHER_CTX_free) {}
  std::unique_ptr<EVP_CIPHER_CTX, void (*)(EVP_CIPHER_CTX*)> inner;
  GcmOpener opener;
  std::array<std::uint8_t, kGcmNonce> nonce{};
  std::array<std::uint8_t, kGcmTag> tag{};
  std::array<std::uint8_t, kMostAbout> about{};
  std::size_t about_size = 0;
  bool keyed = false, has_nonce = false, has_tag = false, opened = false;
  bool other_nonce = false;  // of another length
  /// TLS 1.2 tells its nonce by parameters, so that this is false there.
  bool ours() const { return keyed && has_nonce && !other_nonce; }
};

RecordCipher& self(void* context) { return *static_cast<RecordCipher*>(context); }

void* new_cipher(void*) {
  std::unique_ptr<RecordCipher> made(new (std::nothrow) RecordCipher);
  if (!made || !made->inner || library_cipher() == nullptr) return nullptr;
  if (::EVP_CipherInit_ex(made->inner.get(), library_cipher(), nullptr, nullptr, nullptr, 0) != 1) return nullptr;
  return made.release();
}
void free_cipher(void* context) { delete static_cast<RecordCipher*>(context); }

int set_params(void* context, const OSSL_PARAM params[]) {
  RecordCipher& c = self(context);
  if (params == nullptr) return 1;
  for (const OSSL_PARAM* p = params; p->key != nullptr; ++p) {
    const std::string_view key = p->key;
    std::size_t length = 0;
    if (key == OSSL_CIPHER_PARAM_AEAD_IVLEN && (::OSSL_PARAM_get_size_t(p, &length) != 1 || length != kGcmNonce))
      c.other_nonce = true;
    if (key == OSSL_CIPHER_PARAM_AEAD_TAG && p->data != nullptr && p->data_size == kGcmTag) {
      std::memcpy(c.tag.data(), p->data, kGcmTag);
      c.has_tag = true;
      if (c.ours()) return 1;  // once a record, with nothing beside it
    }
  }
  return ::EVP_CIPHER_CTX_set_params(c.inner.get(), params);
}
int get_params(void* context, OSSL_PARAM params[]) {
  return ::EVP_CIPHER_CTX_get_params(self(context).inner.get(), params);
}
int cipher_params(OSSL_PARAM params[]) {
  return ::EVP_CIPHER_get_params(const_cast<EVP_CIPHER*>(library_cipher()), params);
}

int seal_init(void* context, const unsigned char* key, std::size_t key_size, const unsigned char* nonce,
              std::size_t nonce_size, const OSSL_PARAM params[]) {
  RecordCipher& c = self(context);
  c.keyed = c.has_nonce = false;
  if ((key != nullptr && key_size != kGcmKey) || (nonce != nullptr && nonce_size == 0)) return 0;
  if (::EVP_CipherInit_ex(c.inner.get(), nullptr, nullptr, key, nonce, 1) != 1) return 0;
  return set_params(context, params);
}

int open_init(void* context, const unsigned char* key, std::size_t key_size, const unsigned char* nonce,
              std::size_t nonce_size, const OSSL_PARAM params[]) {
  RecordCipher& c = self(context);
  if (key != nullptr && key_size != kGcmKey) return 0;
  if (key != nullptr) {
    c.opener.set_key(std::span<const std::uint8_t, kGcmKey>(key, kGcmKey));
    c.keyed = true;
  }
  c.has_tag = c.opened = false;
  c.about_size = 0;
  c.has_nonce = nonce != nullptr && nonce_size == kGcmNonce;
  if (c.has_nonce) std::memcpy(c.nonce.data(), nonce, kGcmNonce);
  const bool tell = key != nullptr || nonce == nullptr || !c.ours();
  if (tell && ::EVP_CipherInit_ex(c.inner.get(), nullptr, nullptr, key, nonce, 0) != 1) return 0;
  return set_params(context, params);
}

int update(void* context, unsigned char* out, std::size_t* out_size, std::size_t room, const unsigned char* in,
           std::size_t size) {
  RecordCipher& c = self(context);
  if (!c.ours()) {
    int done = 0;
    if (size > GcmOpener::kMostBytes || (out != nullptr && room < size)) return 0;
    const int ok = ::EVP_CipherUpdate(c.inner.get(), out, &done, in, static_cast<int>(size));
    *out_size = done > 0 ? static_cast<std::size_t>(done) : 0;
    return ok;
  }
  *out_size = 0;
  if (out == nullptr) {
    if (size > kMostAbout - c.about_size) return 0;
    std::memcpy(c.about.data() + c.about_size, in, size);
    c.about_size += size;
    return 1;
  }
  if (c.opened || !c.has_tag || room < size) return 0;
  c.opened = c.opener.open(c.nonce, {c.about.data(), c.about_size}, in, out, size, c.tag);
  *out_size = size;
  return c.opened ? 1 : 0;
}

int finish(void* context, unsigned char* out, std::size_t* out_size, std::size_t) {
  RecordCipher& c = self(context);
  *out_size = 0;
  if (c.ours()) {
    const bool good = c.opened;
    c.has_nonce = c.has_tag = c.opened = false;  // a nonce is for one record
    return good ? 1 : 0;
  }
  int done = 0;
  const int ok = ::EVP_CipherFinal_ex(c.inner.get(), out, &done);
  *out_size = done > 0 ? static_cast<std::size_t>(done) : 0;
  return ok;
}

template <class F>
OSSL_DISPATCH entry(int id, F* function) {
  return {id, reinterpret_cast<void (*)()>(function)};
}

const OSSL_ALGORITHM* algorithms(void*, int operation, int* no_cache) {
  static const OSSL_DISPATCH functions[] = {entry(OSSL_FUNC_CIPHER_NEWCTX, new_cipher),
                                            entry(OSSL_FUNC_CIPHER_FREECTX, free_cipher),
                                            entry(OSSL_FUNC_CIPHER_ENCRYPT_INIT, seal_init),
                                            entry(OSSL_FUNC_CIPHER_DECRYPT_INIT, open_init),
                                            entry(OSSL_FUNC_CIPHER_UPDATE, update),
                                            entry(OSSL_FUNC_CIPHER_FINAL, finish),
                                            entry(OSSL_FUNC_CIPHER_GET_PARAMS, cipher_params),
                                            entry(OSSL_FUNC_CIPHER_GET_CTX_PARAMS, get_params),
                                            entry(OSSL_FUNC_CIPHER_SET_CTX_PARAMS, set_params),
                                            {0, nullptr}};
  static const OSSL_ALGORITHM ciphers[] = {
      {"AES-128-GCM:id-aes128-GCM:2.16.840.1.101.3.4.1.6", "provider=taxgate", functions, nullptr},
      {nullptr, nullptr, nullptr, nullptr}};
  *no_cache = 0;
  return operation == OSSL_OP_CIPHER ? ciphers : nullptr;
}

int begin_provider(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH*, const OSSL_DISPATCH** out, void** context) {
  static const OSSL_DISPATCH functions[] = {entry(OSSL_FUNC_PROVIDER_QUERY_OPERATION, algorithms), {0, nullptr}};
  static int nothing = 0;
  *context = &nothing;
  *out = functions;
  return 1;
}

OSSL_LIB_CTX* make_library() {
  if (!GcmOpener::supported() || library_cipher() == nullptr) return nullptr;
  OSSL_LIB_CTX* library = ::OSSL_LIB_CTX_new();
  if (library == nullptr) return nullptr;
  // The machine's settings hold here as well. Without any, the file is missing, which is no trouble.
  const std::unique_ptr<char, void (*)(char*)> file(::CONF_get1_default_config_file(),
                                                    [](char* p) { ::OPENSSL_free(p); });
  if (file) (void)::OSSL_LIB_CTX_load_config(library, file.get());
  if (::OSSL_PROVIDER_add_builtin(library, kProvider, begin_provider) == 1 &&
      ::OSSL_PROVIDER_try_load(library, kProvider, 1) != nullptr) {
    EVP_CIPHER* found = ::EVP_CIPHER_fetch(library, "AES-128-GCM", kPreferred);
    const bool chosen =
        found != nullptr && ::OSSL_PROVIDER_get0_name(::EVP_CIPHER_get0_provider(found)) == std::string_view(kProvider);
    ::EVP_CIPHER_free(found);
    if (chosen) return library;
  }
  ::OSSL_LIB_CTX_free(library);
  return nullptr;
}

/// For the whole life of the process: connections may end after everything else.
OSSL_LIB_CTX* library_with_opener() {
  static OSSL_LIB_CTX* const made = make_library();
  return made;
}

}  // namespace

SSL_CTX* make_client_context() {
  OSSL_LIB_CTX* library = library_with_opener();
  SSL_CTX* context = ::SSL_CTX_new_ex(library, library != nullptr ? kPreferred : nullptr, ::TLS_client_method());
  if (context == nullptr) return nullptr;
  ::SSL_CTX_set_options(context, SSL_OP_ALL | SSL_OP_NO_COMPRESSION);
  ::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  return context;
}

bool opens_records_itself() { return library_with_opener() != nullptr; }

}  // namespace taxgate::platform
