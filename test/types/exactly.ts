type IsExactly<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** `exactly<Expected>()(value)` compiles if the type of the value is this one and no other: `any` is not `number`. */
export declare function exactly<Expected>(): <Actual>(
  value: Actual,
  ...proof: IsExactly<Actual, Expected> extends true ? [] : [never]
) => void
