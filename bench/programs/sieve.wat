(module
  (memory (export "memory") 128)
  (func (export "main") (param $n64 i64) (result i64)
    (local $n i32) (local $i i32) (local $j i32) (local $count i32)
    (local.set $n (i32.wrap_i64 (local.get $n64)))
    (local.set $i (i32.const 2))
    (block $done
      (loop $outer
        (local.set $j (i32.mul (local.get $i) (local.get $i)))
        (br_if $done (i32.le_s (local.get $n) (local.get $j)))
        (if (i32.eqz (i32.load8_u offset=1024 (local.get $i)))
          (then
            (loop $inner
              (i32.store8 offset=1024 (local.get $j) (i32.const 1))
              (local.set $j (i32.add (local.get $j) (local.get $i)))
              (br_if $inner (i32.lt_s (local.get $j) (local.get $n))))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $outer)))
    (local.set $i (i32.const 2))
    (loop $each
      (if (i32.eqz (i32.load8_u offset=1024 (local.get $i)))
        (then (local.set $count (i32.add (local.get $count) (i32.const 1)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $each (i32.lt_s (local.get $i) (local.get $n))))
    (i64.extend_i32_u (local.get $count))))
