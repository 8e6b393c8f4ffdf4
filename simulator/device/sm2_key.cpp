#include "simulator/device/sm2_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>

#include <stdexcept>
#include <vector>

#include "simulator/device/openssl.h"

namespace taxgate::simulator {
namespace {

using Bn = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using BnCtx = std::unique_ptr<BN_CTX, Deleter<BN_CTX_free>>;
using Group = std::unique_ptr<EC_GROUP, Deleter<EC_GROUP_free>>;
using Point = std::unique_ptr<EC_POINT, Deleter<EC_POINT_free>>;

BN_CTX* scratch() {
  thread_local const BnCtx ctx(BN_CTX_new());
  return ctx.get();
}

/// k·G from a table of 32 windows × 255 affine points: 32 additions instead of 256 doublings. OpenSSL 3.0 has no
/// SM2 assembler, and its generic multiplication alone takes 290 µs here; with the table a signature takes a third.
class FixedBase {
 public:
  static const FixedBase& instance() {
    static const FixedBase table;
    return table;
  }
  const EC_GROUP* group() const { return group_.get(); }
  const BIGNUM* order() const { return EC_GROUP_get0_order(group_.get()); }

  /// Affine x and (when wanted) y of k·G, 0 < k < n.
  void multiply(const BIGNUM* k, BIGNUM* x, BIGNUM* y) const {
    std::array<std::uint8_t, 32> bytes;
    check(BN_bn2binpad(k, bytes.data(), 32) == 32);
    const Point sum(EC_POINT_new(group_.get()));
    check(sum && EC_POINT_set_to_infinity(group_.get(), sum.get()) == 1);
    for (std::size_t window = 0; window < 32; ++window) {
      const unsigned digit = bytes[31 - window];
      if (digit != 0)
        check(EC_POINT_add(group_.get(), sum.get(), sum.get(), row(window)[digit - 1].get(), scratch()) == 1);
    }
    check(EC_POINT_get_affine_coordinates(group_.get(), sum.get(), x, y, scratch()) == 1);
  }

 private:
  FixedBase() : group_(EC_GROUP_new_by_curve_name(NID_sm2)) {
    check(group_ != nullptr);
    points_.reserve(32 * 255);
    std::vector<EC_POINT*> raw;
    const EC_POINT* base = EC_GROUP_get0_generator(group_.get());
    for (std::size_t window = 0; window < 32; ++window) {
      for (unsigned digit = 1; digit <= 255; ++digit) {
        Point p(digit == 1 ? EC_POINT_dup(base, group_.get()) : EC_POINT_new(group_.get()));
        check(p != nullptr);
        if (digit > 1) check(EC_POINT_add(group_.get(), p.get(), points_.back().get(), base, scratch()) == 1);
        raw.push_back(p.get());
        points_.push_back(std::move(p));
      }
      next_.reset(EC_POINT_new(group_.get()));
      check(EC_POINT_add(group_.get(), next_.get(), points_.back().get(), base, scratch()) == 1);  // 256·base
      base_.swap(next_);
      base = base_.get();
    }
    make_affine(raw);
  }

  // Affine points make each addition cheaper (11 instead of 16 field multiplications). Deprecated in OpenSSL 3.0
  // without a replacement; the alternative, one inversion a point, costs 0.2 s at start.
  void make_affine(std::vector<EC_POINT*>& points) {
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"
    check(EC_POINTs_make_affine(group_.get(), points.size(), points.data(), scratch()) == 1);
#pragma clang diagnostic pop
  }

  const Point* row(std::size_t window) const { return &points_[window * 255]; }

  Group group_;
  std::vector<Point> points_;
  Point base_, next_;
};

}  // namespace

struct Sm2Key::Impl {
  Bn d, inverse;  // inverse = (1 + d)^-1 mod n
  PublicKey pub{};
};

Sm2Key::Sm2Key(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Sm2Key::~Sm2Key() = default;
Sm2Key::Sm2Key(Sm2Key&&) noexcept = default;
Sm2Key& Sm2Key::operator=(Sm2Key&&) noexcept = default;

Result<Sm2Key> Sm2Key::from_scalar(ByteView scalar) {
  const auto& curve = FixedBase::instance();
  auto impl = std::make_unique<Impl>();
  impl->d.reset(BN_bin2bn(scalar.data(), static_cast<int>(scalar.size()), nullptr));
  const Bn one_more(BN_dup(impl->d.get()));
  check(one_more && BN_add_word(one_more.get(), 1) == 1);
  // d = n-1 has no inverse of 1+d.
  if (scalar.size() != 32 || BN_is_zero(impl->d.get()) || BN_cmp(one_more.get(), curve.order()) >= 0)
    return fail(Errc::corrupt, "sim.key_scalar");
  impl->inverse.reset(BN_mod_inverse(nullptr, one_more.get(), curve.order(), scratch()));
  check(impl->inverse != nullptr);
  const Bn x(BN_new()), y(BN_new());
  curve.multiply(impl->d.get(), x.get(), y.get());
  check(BN_bn2binpad(x.get(), impl->pub.data(), 32) == 32 && BN_bn2binpad(y.get(), impl->pub.data() + 32, 32) == 32);
  return Sm2Key(std::move(impl));
}

Sm2Key Sm2Key::generate() {
  const Bn d(BN_new());
  const Bn bound(BN_dup(FixedBase::instance().order()));
  check(d && bound && BN_sub_word(bound.get(), 2) == 1);
  check(BN_priv_rand_range(d.get(), bound.get()) == 1);
  check(BN_add_word(d.get(), 1) == 1);  // 1 .. n-2
  std::array<std::uint8_t, 32> bytes;
  check(BN_bn2binpad(d.get(), bytes.data(), 32) == 32);
  return std::move(from_scalar(bytes).value());
}

const PublicKey& Sm2Key::public_key() const { return impl_->pub; }

std::array<std::uint8_t, 32> Sm2Key::scalar() const {
  std::array<std::uint8_t, 32> out;
  check(BN_bn2binpad(impl_->d.get(), out.data(), 32) == 32);
  return out;
}

Signature Sm2Key::sign(const Digest& digest) const {
  const auto& curve = FixedBase::instance();
  const BIGNUM* n = curve.order();
  const Bn e(BN_bin2bn(digest.data(), 32, nullptr)), k(BN_new()), r(BN_new()), s(BN_new()), t(BN_new());
  check(e && k && r && s && t);
  for (;;) {
    check(BN_priv_rand_range(k.get(), n) == 1);
    if (BN_is_zero(k.get())) continue;
    curve.multiply(k.get(), r.get(), nullptr);
    check(BN_mod_add(r.get(), r.get(), e.get(), n, scratch()) == 1);
    check(BN_add(t.get(), r.get(), k.get()) == 1);
    if (BN_is_zero(r.get()) || BN_cmp(t.get(), n) == 0) continue;
    check(BN_mod_mul(t.get(), r.get(), impl_->d.get(), n, scratch()) == 1);
    check(BN_mod_sub(s.get(), k.get(), t.get(), n, scratch()) == 1);
    check(BN_mod_mul(s.get(), s.get(), impl_->inverse.get(), n, scratch()) == 1);
    if (!BN_is_zero(s.get())) break;
  }
  Signature out;
  check(BN_bn2binpad(r.get(), out.data(), 32) == 32 && BN_bn2binpad(s.get(), out.data() + 32, 32) == 32);
  return out;
}

evp_pkey_st* Sm2Key::to_evp() const {
  std::array<std::uint8_t, 65> point{0x04};
  std::copy(impl_->pub.begin(), impl_->pub.end(), point.begin() + 1);
  const std::unique_ptr<OSSL_PARAM_BLD, Deleter<OSSL_PARAM_BLD_free>> build(OSSL_PARAM_BLD_new());
  check(build != nullptr);
  check(OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME, "SM2", 0) == 1);
  check(OSSL_PARAM_BLD_push_octet_string(build.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) == 1);
  check(OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_PRIV_KEY, impl_->d.get()) == 1);
  const std::unique_ptr<OSSL_PARAM, Deleter<OSSL_PARAM_free>> params(OSSL_PARAM_BLD_to_param(build.get()));
  const std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>> ctx(
      EVP_PKEY_CTX_new_from_name(nullptr, "SM2", nullptr));
  EVP_PKEY* out = nullptr;
  check(params && ctx && EVP_PKEY_fromdata_init(ctx.get()) == 1);
  check(EVP_PKEY_fromdata(ctx.get(), &out, EVP_PKEY_KEYPAIR, params.get()) == 1);
  return out;
}

}  // namespace taxgate::simulator
