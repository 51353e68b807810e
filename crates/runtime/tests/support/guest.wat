;; A guest for the tests: the first byte of the input says what it does, the rest is what it does it with.
;; Results of imports land at 64, its own result at 16. Memory from 4096 on is handed out and never taken back.
(module
  (import "fogline:function/state@0.1.0" "get" (func $get (param i32 i32 i32)))
  (import "fogline:function/state@0.1.0" "read" (func $read (param i32 i32 i64 i64 i32)))
  (import "fogline:function/state@0.1.0" "size" (func $size (param i32 i32 i32)))
  (import "fogline:function/state@0.1.0" "schema" (func $schema (param i32 i32 i32)))
  (import "fogline:function/state@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32)))
  (import "fogline:function/state@0.1.0" "append" (func $append (param i32 i32 i32 i32 i32)))
  (import "fogline:function/state@0.1.0" "delete" (func $delete (param i32 i32 i32)))
  (import "fogline:function/context@0.1.0" "current" (func $current (param i32)))
  (import "fogline:function/log@0.1.0" "write" (func $log (param i32 i32 i32)))
  (import "fogline:function/log@0.1.0" "last-words" (func $say (param i32)))

  (memory (export "memory") 2)
  (global $free (mut i32) (i32.const 4096))
  (global $calls (mut i32) (i32.const 0))
  ;; Names of states: "s" is written, "r" only read, "u" not declared.
  (data (i32.const 0) "sru")

  (func (export "cabi_realloc") (param $old i32) (param $had i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and
      (i32.add (global.get $free) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
    (global.set $free (i32.add (local.get $at) (local.get $size)))
    (if (i32.gt_u (global.get $free) (i32.mul (memory.size) (i32.const 65536)))
      (then (if (i32.eq (i32.const -1)
          (memory.grow (i32.add (i32.const 1) (i32.div_u (local.get $size) (i32.const 65536)))))
        (then unreachable))))
    (local.get $at))

  (func $ok (param $at i32) (param $length i32) (result i32)
    (i32.store (i32.const 16) (i32.const 0))
    (i32.store (i32.const 20) (local.get $at))
    (i32.store (i32.const 24) (local.get $length))
    (i32.const 16))

  ;; Error: kind 0 is invalid-input, 1 failed.
  (func $error (param $kind i32) (param $at i32) (param $length i32) (result i32)
    (i32.store (i32.const 16) (i32.const 1))
    (i32.store (i32.const 20) (local.get $kind))
    (i32.store (i32.const 24) (local.get $at))
    (i32.store (i32.const 28) (local.get $length))
    (i32.const 16))

  ;; The bytes of result<option<list<u8>>, state-error> at 64: the list, or nothing; a state-error is `failed` with the
  ;; name that it carries.
  (func $list (result i32)
    (if (i32.load8_u (i32.const 64))
      (then (return (call $error (i32.const 1) (i32.load (i32.const 80)) (i32.load (i32.const 84))))))
    (if (i32.eqz (i32.load8_u (i32.const 72))) (then (return (call $ok (i32.const 0) (i32.const 0)))))
    (call $ok (i32.load (i32.const 76)) (i32.load (i32.const 80))))

  ;; result<_, state-error> at 64: nothing, or `failed` with the kind of the error as its length.
  (func $done (result i32)
    (if (i32.load8_u (i32.const 64))
      (then (return (call $error (i32.const 1) (i32.const 0) (i32.load8_u (i32.const 72))))))
    (call $ok (i32.const 0) (i32.const 0)))

  (func $deep (param $n i64) (result i64)
    (i64.add (i64.const 1) (call $deep (i64.add (local.get $n) (call $deep (local.get $n))))))

  (func (export "handle") (param $at i32) (param $length i32) (result i32)
    (local $what i32)
    (local.set $what (i32.load8_u (local.get $at)))
    (local.set $at (i32.add (local.get $at) (i32.const 1)))
    (local.set $length (i32.sub (local.get $length) (i32.const 1)))
    (if (i32.eq (local.get $what) (i32.const 101)) ;; e: echo
      (then (return (call $ok (local.get $at) (local.get $length)))))
    (if (i32.eq (local.get $what) (i32.const 110)) ;; n: how often this instance was asked this
      (then
        (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (i32.store8 (i32.const 64) (global.get $calls))
        (return (call $ok (i32.const 64) (i32.const 1)))))
    (if (i32.eq (local.get $what) (i32.const 103)) ;; g: get s
      (then (call $get (i32.const 0) (i32.const 1) (i32.const 64)) (return (call $list))))
    (if (i32.eq (local.get $what) (i32.const 114)) ;; r: read two bytes of s from 1 on
      (then
        (call $read (i32.const 0) (i32.const 1) (i64.const 1) (i64.const 2) (i32.const 64))
        (return (call $list))))
    (if (i32.eq (local.get $what) (i32.const 117)) ;; u: get u, which is not declared
      (then (call $get (i32.const 2) (i32.const 1) (i32.const 64)) (return (call $list))))
    (if (i32.eq (local.get $what) (i32.const 122)) ;; z: size of s, 8 bytes
      (then
        (call $size (i32.const 0) (i32.const 1) (i32.const 64))
        (return (call $ok (i32.const 80) (i32.const 8)))))
    (if (i32.eq (local.get $what) (i32.const 121)) ;; y: set s, then its schema, 4 bytes
      (then
        (call $set (i32.const 0) (i32.const 1) (local.get $at) (local.get $length) (i32.const 64))
        (call $schema (i32.const 0) (i32.const 1) (i32.const 64))
        (return (call $ok (i32.const 76) (i32.const 4)))))
    (if (i32.eq (local.get $what) (i32.const 115)) ;; s: set s
      (then
        (call $set (i32.const 0) (i32.const 1) (local.get $at) (local.get $length) (i32.const 64))
        (return (call $done))))
    (if (i32.eq (local.get $what) (i32.const 97)) ;; a: append to s, then get it
      (then
        (call $append (i32.const 0) (i32.const 1) (local.get $at) (local.get $length) (i32.const 64))
        (call $get (i32.const 0) (i32.const 1) (i32.const 64))
        (return (call $list))))
    (if (i32.eq (local.get $what) (i32.const 100)) ;; d: delete s
      (then (call $delete (i32.const 0) (i32.const 1) (i32.const 64)) (return (call $done))))
    (if (i32.eq (local.get $what) (i32.const 119)) ;; w: set r, which is only read
      (then
        (call $set (i32.const 1) (i32.const 1) (local.get $at) (local.get $length) (i32.const 64))
        (return (call $done))))
    (if (i32.eq (local.get $what) (i32.const 102)) ;; f: set s, then fail with invalid-input
      (then
        (call $set (i32.const 0) (i32.const 1) (local.get $at) (local.get $length) (i32.const 64))
        (return (call $error (i32.const 0) (local.get $at) (local.get $length)))))
    (if (i32.eq (local.get $what) (i32.const 99)) ;; c: the invocation: now, deadline, seed
      (then (call $current (i32.const 64)) (return (call $ok (i32.const 80) (i32.const 24)))))
    (if (i32.eq (local.get $what) (i32.const 105)) ;; i: the invocation's id
      (then
        (call $current (i32.const 64))
        (return (call $ok (i32.load (i32.const 64)) (i32.load (i32.const 68))))))
    (if (i32.eq (local.get $what) (i32.const 120)) ;; x: log a warning, then say a word and break off
      (then
        (call $log (i32.const 2) (local.get $at) (local.get $length))
        (call $say (i32.const 111))
        (call $say (i32.const 104))
        unreachable))
    (if (i32.eq (local.get $what) (i32.const 108)) ;; l: loop
      (then (loop $forever (br $forever))))
    (if (i32.eq (local.get $what) (i32.const 109)) ;; m: take memory until there is no more
      (then
        (loop $more (br_if $more (i32.ne (i32.const -1) (memory.grow (i32.const 16)))))
        unreachable))
    (if (i32.eq (local.get $what) (i32.const 113)) ;; q: ask for 128 MiB of memory, and go on without
      (then (drop (memory.grow (i32.const 2048))) (return (call $ok (i32.const 0) (i32.const 0)))))
    (if (i32.eq (local.get $what) (i32.const 111)) ;; o: set s, then r, to 8 MiB each
      (then
        (drop (memory.grow (i32.const 128)))
        (call $set (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 8388608) (i32.const 64))
        (call $set (i32.const 1) (i32.const 1) (i32.const 0) (i32.const 8388608) (i32.const 64))
        (return (call $done))))
    (if (i32.eq (local.get $what) (i32.const 107)) ;; k: recursion without end
      (then (drop (call $deep (i64.const 1)))))
    (if (i32.eq (local.get $what) (i32.const 98)) ;; b: an output of 100,000 bytes
      (then (return (call $ok (i32.const 0) (i32.const 100000)))))
    unreachable)
)
